// The deep forest over one block of rows; written once, instantiated by each instruction set's folder.
//
// An instruction set `Isa` brings three steps: find(), cells of one column to codes; turn(), codes from columns to
// rows; and walk(), rows down one tree to their exits.
#pragma once

#include <type_traits>

#include "plan.hpp"

namespace perfcore::deep {

// Rows of a chunk at exits of a tree, packed: [row: 12 bits | line: 16 | exit: 4].
constexpr int ROW_SHIFT = 20;

// What walk() goes down, and where: `count` rows of codes, the twin of each `twin` bytes on (0: no row has a NaN).
struct Chunk {
    const char* codes;
    int64_t row_bytes, twin, count;
};

template <class Isa, class Real>
class Block {
  public:
    Block(const Plan& plan, char* scratch) : p_(plan), scratch_(scratch) {}

    // Rows [begin, end) of the table into out[(row - begin) * n_outputs + column].
    void predict(const Table& x, int64_t begin, int64_t end, Real* out) {
        for (int64_t row = begin; row < end; row += p_.block_rows) {
            const int64_t n = end - row < p_.block_rows ? end - row : p_.block_rows;
            if (x.is_float || p_.rounds_to_float) {
                run(p_.floats, x, row, n, out + (row - begin) * p_.n_outputs);
            } else {
                run(p_.doubles, x, row, n, out + (row - begin) * p_.n_outputs);
            }
        }
    }

  private:
    template <class Cell>
    void run(const Thresholds<Cell>& thresholds, const Table& x, int64_t row, int64_t n, Real* out) {
        const bool has_twin = code(thresholds, x, row, n) && p_.mixes_nan;
        if (has_twin) make_twin(n);
        for (int64_t i = 0; i < n; ++i)
            std::memcpy(out + i * p_.n_outputs, p_.base.data(), p_.n_outputs * sizeof(Real));
        uint32_t exits[CHUNK_ROWS + Isa::SLACK];
        for (size_t tree = 0; tree < p_.trees.size(); ++tree)
            for (int64_t first = 0; first < n; first += CHUNK_ROWS) {
                const int64_t count = n - first < CHUNK_ROWS ? n - first : CHUNK_ROWS;
                const char* codes = scratch_ + first * p_.row_bytes;
                Isa::walk(p_, p_.lines.data() + p_.trees[tree].line,
                          Chunk{codes, p_.row_bytes, has_twin ? p_.twin_at() : 0, count}, exits);
                if (p_.far_leaf.empty()) {
                    add(p_.near_leaf.data(), tree, exits, count, out + first * p_.n_outputs);
                } else {
                    add(p_.far_leaf.data(), tree, exits, count, out + first * p_.n_outputs);
                }
            }
    }

    // -- codes -----------------------------------------------------------------------------------

    // Whether any cell counts as NaN.
    template <class Cell>
    bool code(const Thresholds<Cell>& thresholds, const Table& x, int64_t row, int64_t n) const {
        Cell* cells = reinterpret_cast<Cell*>(scratch_ + p_.cells_at());
        bool has_nan = false;
        for (size_t i = 0; i < p_.features.size(); ++i) {
            const Feature& feature = p_.features[i];
            load(x, row, n, feature.feature, cells);
            uint16_t* codes = column(feature.column_begin);
            const bool found_nan = Isa::find(thresholds, thresholds.of_feature[i], cells, n, codes);
            has_nan |= found_nan;
            if (feature.column_end - feature.column_begin == 2)
                std::memcpy(column(feature.column_begin + 1), codes, n * 2);
            for (int32_t c = feature.column_begin; c < feature.column_end; ++c) {
                if (p_.columns[c].zero_missing) has_nan |= drop_zeros(cells, n, column(c));
                if (has_nan && !p_.columns[c].nan_right) nan_to_left(column(c), n, column(c));
            }
        }
        Isa::turn(column(0), p_.n_columns, p_.block_rows, n, scratch_, p_.row_bytes);
        return has_nan;
    }

    uint16_t* column(int64_t c) const {
        return reinterpret_cast<uint16_t*>(scratch_ + p_.turned_at()) + c * p_.block_rows;
    }

    // The cells of a column as nodes compare them.
    template <class Cell>
    void load(const Table& x, int64_t row, int64_t n, int32_t feature, Cell* cells) const {
        const char* at = x.data + row * x.row_stride + feature * x.column_stride;
        if (x.is_float) {
            copy<float>(at, x.row_stride, n, cells);
        } else {
            copy<double>(at, x.row_stride, n, cells);
        }
        if (!p_.has_missing) return;
        for (int64_t i = 0; i < n; ++i)
            cells[i] = static_cast<double>(cells[i]) == p_.missing ? std::numeric_limits<Cell>::quiet_NaN() : cells[i];
    }

    template <class From, class Cell>
    static void copy(const char* at, int64_t stride, int64_t n, Cell* cells) {
        for (int64_t i = 0; i < n; ++i, at += stride) {
            From cell;
            std::memcpy(&cell, at, sizeof cell);
            cells[i] = static_cast<Cell>(cell);
        }
    }

    template <class Cell>
    bool drop_zeros(const Cell* cells, int64_t n, uint16_t* codes) const {
        bool found = false;
        for (int64_t i = 0; i < n; ++i) {
            const bool is_zero = std::fabs(static_cast<double>(cells[i])) <= p_.zero_bound;
            codes[i] = is_zero ? NAN_RIGHT_CODE : codes[i];
            found |= is_zero;
        }
        return found;
    }

    static void nan_to_left(const uint16_t* from, int64_t n, uint16_t* to) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[i] == NAN_RIGHT_CODE ? NAN_LEFT_CODE : from[i];
    }

    void make_twin(int64_t n) const {
        nan_to_left(reinterpret_cast<const uint16_t*>(scratch_), n * p_.row_bytes / 2,
                    reinterpret_cast<uint16_t*>(scratch_ + p_.twin_at()));
    }

    // -- sums ------------------------------------------------------------------------------------

    template <class Leaf>
    void add(const Leaf* leaf_at, size_t tree, const uint32_t* exits, int64_t count, Real* out) const {
        const int32_t width = p_.leaf_width, output = p_.trees[tree].output;
        const Real* values = reinterpret_cast<const Real*>(p_.values.data()) + p_.first_value[tree] * width;
        leaf_at += p_.trees[tree].line * EXITS;
        if (output >= 0) {
            add_columns<1>(leaf_at, values, exits, count, out + output, 1);
        } else if (width == 2) {
            add_columns<2>(leaf_at, values, exits, count, out, 2);
        } else if (width == 3) {
            add_columns<3>(leaf_at, values, exits, count, out, 3);
        } else {
            add_columns<0>(leaf_at, values, exits, count, out, width);
        }
    }

    template <int WIDTH, class Leaf>
    void add_columns(const Leaf* leaf_at, const Real* values, const uint32_t* exits, int64_t count, Real* out,
                     int64_t width) const {
        const int64_t n = WIDTH > 0 ? WIDTH : width, n_outputs = WIDTH > 1 ? WIDTH : p_.n_outputs;
        for (int64_t i = 0; i < count; ++i) {
            Real* sum = out + (exits[i] >> ROW_SHIFT) * n_outputs;
            const Real* value = values + leaf_at[exits[i] & ((1u << ROW_SHIFT) - 1)] * n;
            for (int64_t k = 0; k < n; ++k) sum[k] += value[k];
        }
    }

    const Plan& p_;
    char* scratch_;
};

// The steps in plain C++; an instruction set takes over what it does better.
template <class Isa>
struct Plain {
    static constexpr int64_t SLACK = 0;  // entries behind the last exit that walk() may write to

    template <class Cell>
    static bool find(const Thresholds<Cell>& thresholds, const Finder<Cell>& finder, const Cell* cells, int64_t n,
                     uint16_t* codes) {
        using Bits = std::make_unsigned_t<Key<Cell>>;
        const uint16_t* start = thresholds.start.data() + finder.start;
        const Cell* sorted = thresholds.sorted.data() + finder.threshold;
        constexpr int64_t TOGETHER = 16;  // searches that wait for memory together
        bool has_nan = false;
        for (int64_t first = 0; first < n; first += TOGETHER) {
            const int64_t count = n - first < TOGETHER ? n - first : TOGETHER;
            const Cell* cell = cells + first;
            uint32_t at[TOGETHER];
            for (int64_t i = 0; i < count; ++i) {
                const auto key = std::min(std::max(key_of(cell[i]), finder.least), finder.most);
                const Bits above = static_cast<Bits>(static_cast<Bits>(key) - static_cast<Bits>(finder.least));
                at[i] = start[above >> finder.shift];
            }
            for (int step = finder.steps; step-- > 0;)
                for (int64_t i = 0; i < count; ++i)
                    at[i] += static_cast<uint32_t>(sorted[at[i] + (1u << step) - 1] < cell[i]) << step;
            for (int64_t i = 0; i < count; ++i) {
                const bool is_nan = cell[i] != cell[i];
                has_nan |= is_nan;
                codes[first + i] = is_nan ? NAN_RIGHT_CODE : static_cast<uint16_t>(at[i] + 1);
            }
        }
        return has_nan;
    }

    static void turn(const uint16_t* from, int64_t n_columns, int64_t block_rows, int64_t n, char* to,
                     int64_t row_bytes) {
        for (int64_t c = 0; c < n_columns; ++c)
            for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * row_bytes + 2 * c, from + c * block_rows + i, 2);
    }

    static void walk(const Plan& plan, const Line* lines, const Chunk& chunk, uint32_t* exits) {
        const auto with = [&](auto naming) {
            if (chunk.twin) {
                down<decltype(naming)::value, true>(lines, chunk, exits);
            } else {
                down<decltype(naming)::value, false>(lines, chunk, exits);
            }
        };
        if (plan.naming == Naming::wide) {
            with(std::integral_constant<Naming, Naming::wide>());
        } else {
            with(std::integral_constant<Naming, Naming::narrow>());
        }
    }

    // Every row that is not at a leaf yet goes down a line, then every row that is still not, without a branch. LANES
    // rows go level by level together: a processor's scheduler would fill up with one row's steps that wait.
    template <Naming NAMING, bool TWIN>
    static void down(const Line* lines, const Chunk& chunk, uint32_t* exits) {
        uint32_t inside[CHUNK_ROWS + LANES] = {};  // rows at lines, packed as exits are
        for (int64_t i = 0; i < chunk.count; ++i) inside[i] = static_cast<uint32_t>(i) << ROW_SHIFT;
        for (int64_t count = chunk.count, next; count > 0; count = next) {
            next = 0;
            for (int64_t first = 0; first < count; first += LANES) {
                uint32_t exit[LANES];
                exits_of<NAMING, TWIN>(lines, chunk, inside + first, exit);
                const int64_t lanes = count - first < LANES ? count - first : LANES;
                for (int64_t i = 0; i < lanes; ++i) {
                    const uint32_t here = inside[first + i], header = lines[here >> LEVELS & 0xFFFF].header;
                    const uint32_t leads_on = header >> 16 >> exit[i] & 1;
                    const uint32_t child = (header & 0xFFFF) + Isa::count_bits(header >> 16 & ((1u << exit[i]) - 1));
                    inside[next] = here >> ROW_SHIFT << ROW_SHIFT | child << LEVELS;
                    *exits = here | exit[i];
                    next += leads_on;
                    exits += 1 - leads_on;
                }
            }
            for (int i = 0; i < LANES; ++i) inside[next + i] = 0;  // what the last lanes go down is a line
        }
    }

    template <Naming NAMING, bool TWIN>
    static void exits_of(const Line* lines, const Chunk& chunk, const uint32_t* inside, uint32_t* exit) {
        const Line* line[LANES];
        const char* codes[LANES];
        uint32_t at[LANES];
        for (int i = 0; i < LANES; ++i) {
            line[i] = lines + (inside[i] >> LEVELS & 0xFFFF);
            codes[i] = chunk.codes + (inside[i] >> ROW_SHIFT) * chunk.row_bytes;
            at[i] = 1;
        }
        for (int level = 0; level < LEVELS; ++level)
            for (int i = 0; i < LANES; ++i) {
                const size_t name = line[i]->column[at[i] - 1];
                const size_t column = NAMING == Naming::wide ? name & 32767 : name & 255;
                const int64_t in_twin = static_cast<int64_t>(NAMING == Naming::wide ? name >> 15 : name >> 8);
                uint16_t code;
                std::memcpy(&code, codes[i] + 2 * column + (TWIN ? chunk.twin * in_twin : 0), 2);
                // The sign of the difference, since compilers make branches of comparisons.
                const uint32_t right = (static_cast<uint32_t>(line[i]->last[at[i] - 1]) - code) >> 31;
                at[i] = in_register(2 * at[i] + right);
            }
        for (int i = 0; i < LANES; ++i) exit[i] = at[i] - EXITS;
    }

    // Compilers would gather lanes in a vector, only to take them apart again for the next loads.
    static uint32_t in_register(uint32_t x) {
#if defined(__GNUC__)
        asm("" : "+r"(x));
#endif
        return x;
    }

    static constexpr int LANES = 8;  // 2,180 ns a row for 100 trees of 700 leaves; 2: 2,500, 16: 2,240
};

template <class Isa>
void predict_on(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    if (plan.sums_in_float) {
        Block<Isa, float>(plan, scratch).predict(x, begin, end, static_cast<float*>(out));
    } else {
        Block<Isa, double>(plan, scratch).predict(x, begin, end, static_cast<double*>(out));
    }
}

}  // namespace perfcore::deep
