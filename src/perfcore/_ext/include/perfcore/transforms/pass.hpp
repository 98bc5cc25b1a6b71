// One pass over the rows of a table: every cell is read once, taken through its steps, and written once, where the
// model reads it.
//
//   numbers ── acts ──▶ chain ─────────────────────────┬──▶ number: the chain's value
//                         └── keys ──▶ codes ──┬───────┴──▶ value: what a table says of the code
//   texts ── a dictionary (lookup.hpp) ────────┘       └──▶ place: which one of several columns is on
//
// Among the acts is a call: of a user's function, compiled by Numba, of the chain so far and of chains before it.
//
// Steps compute in double. A step in float32 rounds after each operation, which gives the very float: a double holds
// more than twice a float's bits, so that the first rounding of +, -, * or / never decides the second.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "../features/map.hpp"

namespace perfcore::transforms {

constexpr int64_t TILE = 256;  // rows at a time: a column of them lies in the first-level cache

enum class Kind : int32_t { f64, f32, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

struct Numbers {
    const char* data;
    int64_t stride;  // bytes
    Kind kind;
};

enum class Act : int32_t {
    subtract, divide, multiply, add,
    clip,             // numpy's: a NaN stays one
    fill_nan,         // a where it is NaN
    fill_equal,       // b where it is a
    is_nan, is_equal, // 1 or 0
    above,            // 1 where more than a, else 0
    round,            // to float32
    refuse_infinite,  // the table is refused
    refuse_nan,
    refuse_not_positive,
    call,             // Plan::calls[target]
};

struct Step {
    Act act;
    double a, b;
    int32_t target;
};

// Refuses the table where the function raised an error.
struct Call {
    features::RowsFunction function;
    std::vector<int32_t> others;  // the function's other columns, chains before its own
};

struct Chain {
    int32_t source, begin, end;  // of the numbers; of the steps
};

struct Codes {
    int32_t chain;       // -1: they are given
    int32_t begin, end;  // of the keys, ascending
    int32_t nan, unknown;
    bool are_bins;       // keys are edges: the code is how many of them are not more than the cell
};

enum class Write : int32_t { number, value, place };

struct Column {
    Write write;
    int32_t of;             // a chain, or codes
    int32_t first, width;   // columns of the answer
    int32_t table;          // value: where in values the codes' begin; place: where in places they begin
    int32_t on, off;        // place: where in values the `width` values begin of columns that are on, and off
    bool keeps;             // in compressed rows: what is on is an entry, even if it is 0
};

// What refused the table: `step` of the plan's steps (-1: none), or `codes` that have no place for the cell.
struct Refused {
    int64_t row = -1;
    int32_t step = -1, chain = -1, codes = -1;

    bool any() const { return row >= 0; }
};

struct Plan {
    std::vector<Step> steps;
    std::vector<Call> calls;
    std::vector<Chain> chains;
    std::vector<double> keys;       // of codes
    std::vector<int32_t> key_codes;
    std::vector<Codes> codes;
    std::vector<Column> columns;
    std::vector<double> values;
    std::vector<int32_t> places;
};

struct Sources {
    const Numbers* numbers;
    const int32_t* const* codes;  // of each of Plan::codes that is given; others are not looked at
};

template <typename Cell>
inline void load(const Numbers& from, int64_t row, int64_t n, double* to) {
    const char* at = from.data + row * from.stride;
    for (int64_t i = 0; i < n; ++i, at += from.stride) to[i] = static_cast<double>(*reinterpret_cast<const Cell*>(at));
}

inline void load_any(const Numbers& from, int64_t row, int64_t n, double* to) {
    switch (from.kind) {
        case Kind::f64: return load<double>(from, row, n, to);
        case Kind::f32: return load<float>(from, row, n, to);
        case Kind::i64: return load<int64_t>(from, row, n, to);
        case Kind::i32: return load<int32_t>(from, row, n, to);
        case Kind::i16: return load<int16_t>(from, row, n, to);
        case Kind::i8: return load<int8_t>(from, row, n, to);
        case Kind::u64: return load<uint64_t>(from, row, n, to);
        case Kind::u32: return load<uint32_t>(from, row, n, to);
        case Kind::u16: return load<uint16_t>(from, row, n, to);
        case Kind::u8:
        case Kind::boolean: return load<uint8_t>(from, row, n, to);
    }
}

// The first of n cells that `is_bad`, or -1.
template <typename Bad>
inline int64_t first_bad(const double* x, int64_t n, Bad is_bad) {
    bool any = false;
    for (int64_t i = 0; i < n; ++i) any |= is_bad(x[i]);
    if (!any) return -1;
    return std::find_if(x, x + n, is_bad) - x;
}

// Takes n cells through a step; the place of a refused one, or -1.
inline int64_t apply(const Step& step, double* x, int64_t n) {
    const double a = step.a, b = step.b;
    switch (step.act) {
        case Act::subtract: for (int64_t i = 0; i < n; ++i) x[i] -= a; break;
        case Act::divide: for (int64_t i = 0; i < n; ++i) x[i] /= a; break;
        case Act::multiply: for (int64_t i = 0; i < n; ++i) x[i] *= a; break;
        case Act::add: for (int64_t i = 0; i < n; ++i) x[i] += a; break;
        case Act::clip:  // numpy's _NPY_CLIP: ties of 0 and -0 included
            for (int64_t i = 0; i < n; ++i) {
                const double low = x[i] != x[i] || x[i] > a ? x[i] : a;
                x[i] = low != low || low < b ? low : b;
            }
            break;
        case Act::fill_nan: for (int64_t i = 0; i < n; ++i) x[i] = x[i] != x[i] ? a : x[i]; break;
        case Act::fill_equal: for (int64_t i = 0; i < n; ++i) x[i] = x[i] == a ? b : x[i]; break;
        case Act::is_nan: for (int64_t i = 0; i < n; ++i) x[i] = x[i] != x[i] ? 1 : 0; break;
        case Act::is_equal: for (int64_t i = 0; i < n; ++i) x[i] = x[i] == a ? 1 : 0; break;
        case Act::above: for (int64_t i = 0; i < n; ++i) x[i] = x[i] > a ? 1 : 0; break;
        case Act::round: for (int64_t i = 0; i < n; ++i) x[i] = static_cast<double>(static_cast<float>(x[i])); break;
        case Act::refuse_infinite: return first_bad(x, n, [](double each) { return std::isinf(each); });
        case Act::refuse_not_positive: return first_bad(x, n, [](double each) { return each <= 0; });
        case Act::refuse_nan: return first_bad(x, n, [](double each) { return each != each; });
        case Act::call: break;  // Tile::call
    }
    return -1;
}

// A tile of rows on its way: values of chains and codes.
class Tile {
public:
    explicit Tile(const Plan& plan)
        : plan_(plan), chains_(plan.chains.size() * TILE), codes_(plan.codes.size() * TILE) {}

    // Rows [row, row + n), n at most TILE.
    Refused fill(const Sources& from, int64_t row, int64_t n) {
        Refused refused;
        for (size_t j = 0; j < plan_.chains.size(); ++j) {
            const Chain& chain = plan_.chains[j];
            double* x = chains_.data() + j * TILE;
            load_any(from.numbers[chain.source], row, n, x);
            for (int32_t at = chain.begin; at < chain.end; ++at) {
                const Step& step = plan_.steps[at];
                const int64_t bad = step.act == Act::call ? call(plan_.calls[step.target], x, n) : apply(step, x, n);
                if (bad >= 0) return {row + bad, at, static_cast<int32_t>(j), -1};
            }
        }
        for (size_t j = 0; j < plan_.codes.size(); ++j) {
            const Codes& codes = plan_.codes[j];
            int32_t* code = codes_.data() + j * TILE;
            if (codes.chain < 0)
                std::copy(from.codes[j] + row, from.codes[j] + row + n, code);
            else
                look_up(codes, chains_.data() + codes.chain * TILE, n, code);
            for (int64_t i = 0; i < n; ++i)
                if (code[i] < 0) return {row + i, -1, -1, static_cast<int32_t>(j)};
        }
        return refused;
    }

    double number(const Column& column, int64_t i) const { return chains_[column.of * TILE + i]; }
    int32_t code(const Column& column, int64_t i) const { return codes_[column.of * TILE + i]; }

private:
    // As apply(). The function may not write where it reads: its loop would not be SIMD then.
    int64_t call(const Call& to, double* x, int64_t n) {
        const double* columns[features::MAX_INPUTS] = {x};
        for (size_t j = 0; j < to.others.size(); ++j) columns[j + 1] = chains_.data() + to.others[j] * TILE;
        double told[TILE];
        to.function(columns, n, told);
        const int64_t bad =
            first_bad(told, n, [](double each) { return features::bits_of(each) == features::RAISED_BITS; });
        for (int64_t i = 0; i < n; ++i) x[i] = features::plain(told[i]);
        return bad;
    }

    void look_up(const Codes& codes, const double* x, int64_t n, int32_t* code) const {
        const double* begin = plan_.keys.data() + codes.begin;
        const double* end = plan_.keys.data() + codes.end;
        if (codes.are_bins) {
            for (int64_t i = 0; i < n; ++i) code[i] = static_cast<int32_t>(std::upper_bound(begin, end, x[i]) - begin);
            return;
        }
        for (int64_t i = 0; i < n; ++i) {
            if (x[i] != x[i]) {
                code[i] = codes.nan;
                continue;
            }
            const double* at = std::lower_bound(begin, end, x[i]);
            code[i] = at != end && *at == x[i] ? plan_.key_codes[at - plan_.keys.data()] : codes.unknown;
        }
    }

    const Plan& plan_;
    std::vector<double> chains_;
    std::vector<int32_t> codes_;
};

// The whole table, in elements of out: row * row_step + column * column_step.
template <typename Real>
inline Refused dense(const Plan& plan, const Sources& from, int64_t n_rows, Real* out, int64_t row_step,
                     int64_t column_step) {
    Tile tile(plan);
    for (int64_t row = 0; row < n_rows; row += TILE) {
        const int64_t n = std::min(TILE, n_rows - row);
        const Refused refused = tile.fill(from, row, n);
        if (refused.any()) return refused;
        for (const Column& column : plan.columns) {
            Real* to = out + row * row_step + column.first * column_step;
            if (column.write == Write::number) {
                for (int64_t i = 0; i < n; ++i) to[i * row_step] = static_cast<Real>(tile.number(column, i));
            } else if (column.write == Write::value) {
                const double* values = plan.values.data() + column.table;
                for (int64_t i = 0; i < n; ++i) to[i * row_step] = static_cast<Real>(values[tile.code(column, i)]);
            } else {
                const double* off = plan.values.data() + column.off;
                const double* on = plan.values.data() + column.on;
                if (column_step == 1) {
                    for (int64_t i = 0; i < n; ++i)
                        for (int32_t j = 0; j < column.width; ++j)
                            to[i * row_step + j] = static_cast<Real>(off[j]);
                } else {
                    for (int32_t j = 0; j < column.width; ++j)
                        for (int64_t i = 0; i < n; ++i)
                            to[i * row_step + j * column_step] = static_cast<Real>(off[j]);
                }
                for (int64_t i = 0; i < n; ++i) {
                    const int32_t place = plan.places[column.table + tile.code(column, i)];
                    if (place >= 0) to[i * row_step + place * column_step] = static_cast<Real>(on[place]);
                }
            }
        }
    }
    return {};
}

// The table in compressed rows: entries in the order of columns. `indices` and `data` have room for plan.columns.size()
// entries a row, as many as there may be: the columns of a place are off where they are 0.
template <typename Real>
inline Refused compressed(const Plan& plan, const Sources& from, int64_t n_rows, int32_t* indptr, int32_t* indices,
                          Real* data) {
    Tile tile(plan);
    int32_t at = 0;
    indptr[0] = 0;
    for (int64_t row = 0; row < n_rows; row += TILE) {
        const int64_t n = std::min(TILE, n_rows - row);
        const Refused refused = tile.fill(from, row, n);
        if (refused.any()) return refused;
        for (int64_t i = 0; i < n; ++i) {
            for (const Column& column : plan.columns) {
                int32_t index = column.first;
                double value;
                if (column.write == Write::number) {
                    value = tile.number(column, i);
                } else if (column.write == Write::value) {
                    value = plan.values[column.table + tile.code(column, i)];
                } else {
                    const int32_t place = plan.places[column.table + tile.code(column, i)];
                    if (place < 0) continue;
                    index += place;
                    value = plan.values[column.on + place];
                }
                const Real real = static_cast<Real>(value);
                if (real == 0 && !column.keeps) continue;
                indices[at] = index;
                data[at] = real;
                ++at;
            }
            indptr[row + i + 1] = at;
        }
    }
    return {};
}

// scipy's csr_matvecs and csr_matvec: for each row its entries in their order, each times a row of `weight`, added to
// zeros.
template <typename Real>
inline void product(int64_t n_rows, const int32_t* indptr, const int32_t* indices, const Real* data,
                    const Real* weight, int64_t n_outputs, Real* out) {
    for (int64_t row = 0; row < n_rows; ++row) {
        Real* y = out + row * n_outputs;
        for (int64_t k = 0; k < n_outputs; ++k) y[k] = 0;
        for (int32_t at = indptr[row]; at < indptr[row + 1]; ++at) {
            const Real* x = weight + static_cast<int64_t>(indices[at]) * n_outputs;
            for (int64_t k = 0; k < n_outputs; ++k) y[k] += data[at] * x[k];
        }
    }
}

}  // namespace perfcore::transforms
