// The bit-sliced forest over one block of rows; written once, instantiated by each instruction set's folder.
//
// An instruction set `Isa` brings planes of 64 bytes (`Plane<64>`: load, store, and, or, andnot, select) and the four
// steps that depend on its registers: bin() cells to code planes, ids() planes to leaf ids, add() leaves to sums, and
// row_of(), the order of rows that these leave the sums in. slice() makes the planes of 64 rows' codes, as bin() does.
// Where rows are few, only the first NARROWEST bytes of every plane, or the first 32, are worked on.
#pragma once

#include "plan.hpp"

namespace perfcore::bitslice {

// BYTES of each plane are worked on at a time, VECTORS times.
template <class Isa, class Real, int BYTES, int VECTORS>
class Block {
    using Plane = typename Isa::template Plane<BYTES>;
    static constexpr int64_t ROWS_TOGETHER = 8 * BYTES, ROWS = ROWS_TOGETHER * VECTORS;

  public:
    Block(const Plan& plan, char* scratch) : p_(plan), scratch_(scratch) {}

    // n rows, at most ROWS, from `row` on into out[(row - begin) * n_outputs + column].
    void predict(const Table& x, int64_t row, int64_t n, Real* out) const {
        Isa::bin(p_, x, row, n, scratch_ + p_.codes_at(), scratch_ + p_.masks_at());
        for (const CategoricalFeature& c : p_.categorical) rank(c, x, row, n);
        for (int v = 0; v < VECTORS; ++v) {
            char* mask = scratch_ + p_.masks_at() + BYTES * v;
            for (const NumericFeature& f : p_.numeric) mask = ask(f, mask, v);
            for (const CategoricalFeature& c : p_.categorical) mask = ask(c, mask, v);
        }
        sum(n, out);
    }

  private:
    // -- masks -----------------------------------------------------------------------------------

    Plane* work() const { return reinterpret_cast<Plane*>(scratch_ + p_.work_at()); }

    const char* code(int64_t plane, int v) const {
        return scratch_ + p_.codes_at() + plane * p_.plane_bytes + BYTES * v;
    }

    // For every value i of the bits [from, from + bits): which rows are below it (less), which equal.
    void compare_all(int64_t code_plane, int from, int bits, int v, Plane* less, Plane* equal) const {
        less[0] = Plane::zeros();
        equal[0] = Plane::ones();
        for (int n = 1, bit = from + bits - 1; bit >= from; --bit, n *= 2) {
            const Plane one = Plane::load(code(code_plane + bit, v));
            for (int i = n - 1; i >= 0; --i) {
                const Plane l = less[i], e = equal[i];
                equal[2 * i] = Plane::andnot(one, e);
                equal[2 * i + 1] = Plane::both(e, one);
                less[2 * i] = l;
                less[2 * i + 1] = Plane::either(l, equal[2 * i]);
            }
        }
    }

    struct Tables {
        Plane *less_high, *equal_high, *less_low, *equal_low;
    };

    Tables tables(int64_t code_plane, int levels, int v) const {
        const int low = levels < 4 ? levels : 4, high = levels - low;
        Tables t;
        t.less_high = work();
        t.equal_high = t.less_high + (int64_t{1} << high);
        t.less_low = t.equal_high + (int64_t{1} << high);
        t.equal_low = t.less_low + 17;
        compare_all(code_plane, low, high, v, t.less_high, t.equal_high);
        compare_all(code_plane, 0, low, v, t.less_low, t.equal_low);
        t.less_low[1 << low] = Plane::ones();
        return t;
    }

    char* ask(const NumericFeature& f, char* mask, int v) const {
        const Tables t = tables(f.code_plane, f.levels, v);
        const Question* q = p_.questions.data() + f.question_begin;
        const Question* end = p_.questions.data() + f.question_end;
        const char* nan = code(f.code_plane + f.levels, v);
        const char* zero = code(f.code_plane + f.levels + 1, v);
        for (; q != end; ++q, mask += p_.plane_bytes) {
            Plane m = q->never ? Plane::zeros()
                               : Plane::or_and(t.less_high[q->high], t.equal_high[q->high], t.less_low[q->low]);
            if (q->zero_missing)
                m = q->nan_left ? Plane::either(m, Plane::load(zero)) : Plane::andnot(Plane::load(zero), m);
            if (q->nan_left) m = Plane::either(m, Plane::load(nan));
            Plane::store(mask, m);
        }
        return mask;
    }

    // For every value of the bits [from, from + bits): which rows have it.
    void equal_all(int64_t code_plane, int from, int bits, int v, Plane* equal) const {
        equal[0] = Plane::ones();
        for (int n = 1, bit = from + bits - 1; bit >= from; --bit, n *= 2) {
            const Plane one = Plane::load(code(code_plane + bit, v));
            for (int i = n - 1; i >= 0; --i) {
                const Plane e = equal[i];
                equal[2 * i] = Plane::andnot(one, e);
                equal[2 * i + 1] = Plane::both(e, one);
            }
        }
    }

    char* ask(const CategoricalFeature& c, char* mask, int v) const {
        Plane* high = work();
        Plane* low = high + (int64_t{1} << (c.levels - c.digit));
        Plane* subset = low + (int64_t{1} << c.digit);
        equal_all(c.code_plane, c.digit, c.levels - c.digit, v, high);
        equal_all(c.code_plane, 0, c.digit, v, low);
        subset[0] = Plane::zeros();
        for (int i = 0; i < 1 << c.digit; ++i)
            for (int s = 0; s < 1 << i; ++s) subset[(1 << i) + s] = Plane::either(subset[s], low[i]);
        const Plane nan = Plane::load(code(c.code_plane + c.levels, v));
        for (int32_t i = c.question_begin; i < c.question_end; ++i, mask += p_.plane_bytes) {
            const CategoryQuestion& q = p_.category_questions[i];
            Plane m = Plane::zeros();
            for (int32_t j = q.piece_begin; j < q.piece_end; ++j)
                m = Plane::or_and(m, high[p_.pieces[j].high], subset[p_.pieces[j].subset]);
            if (q.inverted) m = Plane::andnot(m, Plane::ones());
            Plane::store(mask, q.nan_left ? Plane::either(m, nan) : Plane::andnot(nan, m));
        }
        return mask;
    }

    // Category codes to rank planes, in the row order that bin() leaves.
    void rank(const CategoricalFeature& c, const Table& x, int64_t row, int64_t n) const {
        const uint16_t* rank_of = p_.rank_of_code.data() + c.rank_begin;
        const double first_code = p_.truncates_negative ? std::nextafter(-1.0, 0.0) : 0.0;
        const double n_codes = static_cast<double>(c.n_codes), missing = p_.missing;
        for (int64_t first = 0; first < n; first += 64) {
            alignas(64) double cell[64];
            alignas(64) int32_t ranks[64];
            for (int64_t i = 0; i < 64; ++i) cell[i] = x.cell(row + std::min(first + i, n - 1), c.feature);
            if (p_.rounds_to_float)
                for (double& v : cell) v = static_cast<double>(static_cast<float>(v));
            for (int i = 0; i < 64; ++i) {
                const double v = cell[i];
                // A code outside the sets' range, or a missing one, takes the last entry.
                const int32_t code = static_cast<int32_t>(v >= first_code && v < n_codes && v != missing ? v : n_codes);
                ranks[i] = rank_of[code] | static_cast<int32_t>(v != v || v == missing) << c.levels;
            }
            Isa::slice(ranks, c.levels + 1, scratch_ + p_.codes_at() + c.code_plane * p_.plane_bytes + first / 8,
                       p_.plane_bytes);
        }
    }

    // -- trees -----------------------------------------------------------------------------------

    void evaluate(const Group& group) const {
        const Op* op = p_.ops.data() + group.op_begin;
        const Op* end = p_.ops.data() + group.op_end;
        char* base = scratch_;
        for (; op != end; ++op) {
            uint64_t mask_a, b_dst;  // two loads of two offsets each: loads are what this loop is short of
            std::memcpy(&mask_a, &op->mask, 8);
            std::memcpy(&b_dst, &op->b, 8);
            const char* mask = base + static_cast<uint32_t>(mask_a);
            const char* a = base + (mask_a >> 32);
            const char* b = base + static_cast<uint32_t>(b_dst);
            char* dst = base + (b_dst >> 32);
            for (int at = 0; at < BYTES * VECTORS; at += BYTES)
                Plane::store(dst + at, Plane::select(Plane::load(mask + at), Plane::load(a + at), Plane::load(b + at)));
        }
    }

    void sum(int64_t n, Real* out) const {
        const int32_t columns = p_.leaf_width;
        Real* sums = reinterpret_cast<Real*>(scratch_ + p_.sums_at());
        uint8_t* ids = reinterpret_cast<uint8_t*>(scratch_ + p_.ids_at());
        const Real* base = reinterpret_cast<const Real*>(p_.base.data());
        int32_t next = columns > 1 ? p_.n_outputs : 0;  // columns before this one are begun
        for (int32_t k = 0; k < columns && columns > 1; ++k) start(sums + k * ROWS, ROWS, base[k]);
        for (const Chunk& chunk : p_.chunks) {
            if (chunk.output >= next) {
                if (next > 0) put(sums, n, out, next - 1);
                for (; next < chunk.output; ++next) fill(n, out, next, base[next]);
                start(sums, ROWS, base[chunk.output]);
                ++next;
            }
            for (int32_t g = chunk.group_begin; g < chunk.group_end; ++g) {
                const Group& group = p_.groups[g];
                evaluate(group);
                for (int32_t t = group.tree_begin; t < group.tree_end; ++t)
                    for (int v = 0; v < VECTORS; ++v)
                        Isa::template ids<BYTES>(scratch_ + BYTES * v, p_.trees[t], chunk.id_bits,
                                                 ids + 2 * (t - chunk.tree_begin) * ROWS + v * ROWS_TOGETHER, ROWS);
            }
            const int64_t n_trees = chunk.tree_end - chunk.tree_begin;
            const char* table = p_.tables.data() + chunk.table;
            for (int32_t k = 0; k < columns; ++k) {
                Isa::template add<Real>(ids, n_trees, ROWS, table, chunk.id_bits, sums + k * ROWS);
                table += n_trees * (int64_t{1} << chunk.id_bits) * static_cast<int64_t>(sizeof(Real));
            }
        }
        if (columns > 1) {
            for (int32_t k = 0; k < columns; ++k) put(sums + k * ROWS, n, out, k);
        } else {
            if (next > 0) put(sums, n, out, next - 1);
            for (; next < p_.n_outputs; ++next) fill(n, out, next, base[next]);
        }
    }

    static void start(Real* sums, int64_t n, Real base) {
        for (int64_t i = 0; i < n; ++i) sums[i] = base;
    }

    void fill(int64_t n, Real* out, int32_t column, Real base) const {
        for (int64_t i = 0; i < n; ++i) out[i * p_.n_outputs + column] = base;
    }

    // From the order of the sums to the order of the rows.
    void put(const Real* sums, int64_t n, Real* out, int32_t column) const {
        const uint16_t* row_of = Isa::template row_of<BYTES, Real>();
        for (int64_t first = 0; first < ROWS; first += ROWS_TOGETHER, sums += ROWS_TOGETHER)
            for (int64_t i = 0; i < ROWS_TOGETHER; ++i)
                if (first + row_of[i] < n) out[(first + row_of[i]) * p_.n_outputs + column] = sums[i];
    }

    const Plan& p_;
    char* scratch_;
};

template <class Isa, class Real>
void predict_blocks(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, Real* out) {
    std::memset(scratch, 0, plan.plane_bytes);
    std::memset(scratch + plan.plane_bytes, 0xFF, plan.plane_bytes);
    const int64_t step = plan.block_rows();
    for (int64_t row = begin; row < end; row += step, out += step * plan.n_outputs) {
        const int64_t n = end - row < step ? end - row : step;
        if (n > 512) {
            Block<Isa, Real, 64, 2>(plan, scratch).predict(x, row, n, out);
        } else if (n > 256 || Isa::NARROWEST > 32) {
            Block<Isa, Real, 64, 1>(plan, scratch).predict(x, row, n, out);
        } else if constexpr (Isa::NARROWEST <= 32) {
            if (n > 128 || Isa::NARROWEST > 16) {
                Block<Isa, Real, 32, 1>(plan, scratch).predict(x, row, n, out);
            } else if constexpr (Isa::NARROWEST <= 16) {
                Block<Isa, Real, 16, 1>(plan, scratch).predict(x, row, n, out);
            }
        }
    }
}

template <class Isa>
void predict_on(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    if (plan.sums_in_float) {
        predict_blocks<Isa>(plan, x, begin, end, scratch, static_cast<float*>(out));
    } else {
        predict_blocks<Isa>(plan, x, begin, end, scratch, static_cast<double*>(out));
    }
}

}  // namespace perfcore::bitslice
