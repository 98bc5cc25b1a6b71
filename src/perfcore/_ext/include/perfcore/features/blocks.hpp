// Short windows of rows as a batch: several blocks of rows side by side, with the bits of the steps.
//
// The two stacks of a window of w rows turn over at every w rows (window.hpp). So a window is a suffix of one block of w
// rows and a prefix of the next one (van Herk), and blocks do not wait for each other:
//
//     rows      ┆ previous ┆  block 0 ┆  block 1 ┆  block 2 ┆  block 3 ┆
//     suffixes  ◀──────────◀──────────◀──────────◀──────────           lane i: of the block before block i
//     prefixes             ▶──────────▶──────────▶──────────▶──────────lane i: of block i
//
// Where a cell is missing or infinite, so are the numbers of its block, and the steps do it over.
#pragma once

#include <vector>

#include "simd.hpp"
#include "window.hpp"

namespace perfcore::features {

// Of two lots of cells, a and b in number: their shares, and a b / n.
struct Shares {
    Shares(double a, double b) : a(a / (a + b)), b(b / (a + b)), ab(a * b / (a + b)) {}
    double a, b, ab;
};

template <typename M, typename Say>
class InBlocks final : public OfRows<M, Say, false> {
    using Base = OfRows<M, Say, false>;
    using typename Base::Head;

public:
    InBlocks(const Spec& spec, const Window& window) : Base(spec, window) {
#if PERFCORE_HAS_LANES
        for (int64_t j = 1; j < this->size_; j++) shares_.emplace_back(double(this->size_ - j), double(j));
#endif
    }

#if PERFCORE_HAS_LANES
    void run(const Series& series, double* const* out, State& scratch) const override {
        const int64_t w = this->size_, delay = !this->with_present_;
        if (w < 2 || !this->say_.enough(double(w)) || (delay && Say::OF_PRESENT)) return Base::run(series, out, scratch);
        // A window without the present row is that of the row before.
        double* const answers = out[0] + delay;
        const int64_t n = series.n - delay, n_first = std::min(series.n, w - 1 + delay);
        bool was_plain = true;  // the block before
        for (int64_t begin = 0; begin < n && n >= w; begin += N_LANES * w) {
            const int64_t rows = std::min(n - begin, N_LANES * w);
            const bool is_plain = side_by_side(series, begin, rows, answers + begin);
            if (!is_plain || !was_plain) step_by_step(series, begin, rows, out[0], scratch);
            was_plain = is_plain;
        }
        if (this->say_.least < double(w)) {  // the first rows may have answers, too
            scratch.reset(*this);
            this->loop(head_of(scratch), series, 0, n_first, out[0]);
        } else {
            std::fill(out[0], out[0] + n_first, this->say_.none);
        }
    }

private:
    static constexpr int64_t LINE = 8;  // doubles of a cache line

    using Wide = typename M::template Parts<Lanes>;

    static Head& head_of(State& state) { return *static_cast<Head*>(state.data()); }

    // N_LANES blocks, or what there is of them, from a row on. False: some cells are not finite; there are no answers.
    bool side_by_side(const Series& series, int64_t begin, int64_t rows, double* out) const {
        const int64_t w = this->size_, before = begin == 0 ? 0 : w;
        const double *columns[M::CELLS], *previous[M::CELLS];
        for (int c = 0; c < M::CELLS; c++) {
            columns[c] = series.columns[c] + begin;
            previous[c] = columns[c] - before;  // before the first block there is none: what comes of it is not used
        }
        if (rows == N_LANES * w) {
            // Lanes go back and forth, which no prefetcher follows.
            for (int64_t i = N_LANES * w; i < 2 * N_LANES * w; i += LINE) {
                for (int c = 0; c < M::CELLS; c++) __builtin_prefetch(columns[c] + i);
                __builtin_prefetch(out + i, 1);
            }
            return lanes(columns, previous, out);
        }
        double copies[M::CELLS][(N_LANES + 1) * SHORT], answers[N_LANES * SHORT];
        for (int c = 0; c < M::CELLS; c++) {
            double* const last = std::copy(previous[c], columns[c] + rows, copies[c]);
            std::fill(last, copies[c] + before + N_LANES * w, 0.0);
            previous[c] = copies[c];
            columns[c] = copies[c] + before;
        }
        const bool is_plain = lanes(columns, previous, answers);
        std::copy(answers, answers + rows, out);
        return is_plain;
    }

    // `previous` begins with the block before the first lane's; the others' are those of the lanes before.
    bool lanes(const double* const* columns, const double* const* previous, double* out) const {
        const int64_t w = this->size_;
        Wide suffixes[SHORT], parts;
        Lanes anchor[M::CELLS], shift[M::CELLS], cells[M::CELLS];
        M::clear(parts);
        for (int c = 0; c < M::CELLS; c++) anchor[c] = load_after(previous[c] + w - 1, columns[c] + w - 1, w);
        for (int64_t j = w - 1; j > 0; j--) {
            for (int c = 0; c < M::CELLS; c++) cells[c] = from(load_after(previous[c] + j, columns[c] + j, w), anchor[c]);
            M::more(parts, cells, double(w - j));
            suffixes[j] = parts;
        }
        for (int c = 0; c < M::CELLS; c++) {
            const Lanes first = load(columns[c], w);
            shift[c] = first - anchor[c];
            anchor[c] = first;
        }
        M::clear(parts);
        for (int64_t j = 0; j < w; j++) {
            for (int c = 0; c < M::CELLS; c++) cells[c] = from(load(columns[c] + j, w), anchor[c]);
            M::more(parts, cells, double(j + 1));
            const Wide all = j + 1 == w ? parts : M::merge(suffixes[j + 1], parts, shift, shares_[size_t(j)]);
            store(this->say_.value(all, double(w), cells[0]), out + j, w);
        }
        return are_all_finite(parts);
    }

    static Lanes from(const Lanes& cells, const Lanes& anchor) {
        if constexpr (M::ANCHORED) return cells - anchor;
        return cells;
    }
    static bool are_all_finite(const Wide& parts) {
        Lanes each[sizeof(Wide) / sizeof(Lanes)];
        std::memcpy(each, &parts, sizeof parts);
        bool are = true;
        for (const Lanes& x : each) are &= are_finite(x);
        return are;
    }

    void step_by_step(const Series& series, int64_t begin, int64_t rows, double* out, State& scratch) const {
        const int64_t delay = !this->with_present_;
        double cells[M::CELLS];
        scratch.reset(*this);
        Head& head = head_of(scratch);
        for (int64_t i = std::max<int64_t>(begin - this->size_, 0); i < begin + delay; i++, head.n_seen++) {
            for (int c = 0; c < M::CELLS; c++) cells[c] = series.columns[c][i];
            this->push(head, cells);
        }
        this->loop(head, series, begin + delay, begin + delay + rows, out);
    }

    std::vector<Shares> shares_;
#endif
};

}  // namespace perfcore::features
