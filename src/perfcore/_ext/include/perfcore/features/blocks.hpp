// Windows of rows as a batch: several blocks of rows side by side, with the bits of the steps.
//
// The two stacks of a window of w rows turn over at every w rows (window.hpp). So a window is a suffix of one block of
// w rows and a prefix of the next one (van Herk), and blocks do not wait for each other:
//
//     rows      ┆ previous ┆  block 0 ┆  block 1 ┆  block 2 ┆  block 3 ┆
//     suffixes  ◀──────────◀──────────◀──────────◀──────────           lane i: of the block before block i
//     prefixes             ▶──────────▶──────────▶──────────▶──────────lane i: of block i
//
// Where a cell is missing or infinite, so are the numbers of its block, and the steps do it over.
//
// Of M (chain.hpp) this takes, besides: M::Over<T>, of lanes; `more` and `merge` of Parts, without their number; and
// M::kept(body, more, shares), so that nothing is divided twice.
#pragma once

#include <memory>
#include <type_traits>
#include <vector>

#include "simd.hpp"
#include "window.hpp"

namespace perfcore::features {

// Of two lots of cells, a and b in number: their shares, a b / n, and a.
struct Shares {
    Shares(double a, double b) : a(a / (a + b)), b(b / (a + b)), ab(a * b / (a + b)), n_a(a) {}
    double a, b, ab, n_a;
};

template <typename M, typename Say, bool LONG>
class InBlocks : public OfRows<M, Say, LONG> {
    using Base = OfRows<M, Say, LONG>;
    using typename Base::Head;

public:
    InBlocks(const Spec& spec, const Window& window) : Base(spec, window), has_avx2_(may_use_avx2()) {
        if (!is_made_in_blocks()) return;
        for (int64_t j = 1; j < this->size_; j++) shares_.emplace_back(double(this->size_ - j), double(j));
        for (int64_t j = 0; LONG && j <= this->size_; j++)
            of_groups_.emplace_back(double(j / GROUP * GROUP), double(j % GROUP));
    }

    void run(const Series& series, double* const* out, State& scratch) const override {
        if (!is_made_in_blocks() || (!this->with_present_ && Say::OF_PRESENT)) return Base::run(series, out, scratch);
#if PERFCORE_HAS_QUADS
        if (has_avx2_) return run_with_avx2(series, out, scratch);
#endif
#if PERFCORE_HAS_LANES
        run_in<Lanes>(series, out, scratch);
#endif
    }

private:
    static constexpr int64_t GROUP = Ladder<M>::GROUP;
    static constexpr int64_t MOST = 4096;  // rows of a window whose suffixes stay in a cache

    bool is_made_in_blocks() const {
#if PERFCORE_HAS_LANES
        return this->size_ >= 2 && this->size_ <= MOST && this->say_.enough(double(this->size_));
#else
        return false;
#endif
    }
    const bool has_avx2_;
    std::vector<Shares> shares_, of_groups_;  // of a front and a back; of what a ladder has and its last group

#if PERFCORE_HAS_QUADS
    PERFCORE_AVX2 PERFCORE_FLATTEN void run_with_avx2(const Series& series, double* const* out, State& scratch) const {
        run_in<Quad>(series, out, scratch);
    }
#endif

#if PERFCORE_HAS_LANES
    static constexpr int64_t LINE = 8;  // doubles of a cache line

    template <typename T>
    using PartsOf = typename M::template Over<T>::Parts;

    // What blocks side by side need: a short window's is on the stack.
    template <typename T>
    struct Room {
        using Parts = PartsOf<T>;
        explicit Room(int64_t w) {
            if constexpr (!LONG) return;
            parts.reset(new Parts[size_t(w)]);
            doubles.reset(new double[size_t(w) * N_DOUBLES]);
        }
        static constexpr size_t N_DOUBLES = M::CELLS * (N_LANES + 1) + N_LANES;
        Parts* suffixes() { return LONG ? parts.get() : short_parts; }
        double* cells() { return LONG ? doubles.get() : short_doubles; }

        std::unique_ptr<Parts[]> parts;
        std::unique_ptr<double[]> doubles;
        Parts short_parts[LONG ? 1 : SHORT];
        double short_doubles[LONG ? 1 : SHORT * N_DOUBLES];
        Ladder<typename M::template Over<T>> ladder;
    };

    template <typename T>
    PERFCORE_INLINE void run_in(const Series& series, double* const* out, State& scratch) const {
        // A window without the present row is that of the row before.
        const int64_t w = this->size_, delay = !this->with_present_;
        double* const answers = out[0] + delay;
        const int64_t n = series.n - delay, n_first = std::min(series.n, w - 1 + delay);
        if (n >= w) {
            Room<T> room(w);
            bool was_plain = true;  // the block before
            int64_t come = -1;      // the row that the steps have come to
            for (int64_t begin = 0; begin < n; begin += N_LANES * w) {
                const int64_t rows = std::min(n - begin, N_LANES * w);
                const bool is_plain = (was_plain || are_cells_finite(series, begin, rows)) &&
                                      side_by_side<T>(series, begin, rows, answers + begin, room);
                if (!is_plain) step_by_step(series, begin, rows, out[0], scratch, come);
                else if (!was_plain) step_by_step(series, begin, std::min(rows, w), out[0], scratch, come);
                was_plain = is_plain;
            }
        }
        if (this->say_.least < double(w)) {  // the first rows may have answers, too
            this->loop(this->first(scratch, n_first), series, 0, n_first, out[0]);
        } else {
            std::fill(out[0], out[0] + n_first, this->say_.none);
        }
    }

    // N_LANES blocks, or what there is of them, from a row on. False: some cells are not finite; there are no answers.
    template <typename T>
    PERFCORE_INLINE bool side_by_side(const Series& series, int64_t begin, int64_t rows, double* out, Room<T>& room) const {
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
            return lanes(columns, previous, out, room);
        }
        double* copy = room.cells();
        for (int c = 0; c < M::CELLS; c++) {
            double* const last = std::copy(previous[c], columns[c] + rows, copy);
            previous[c] = copy;
            columns[c] = copy + before;
            copy += (N_LANES + 1) * w;
            std::fill(last, copy, 0.0);
        }
        const bool is_plain = lanes(columns, previous, copy, room);
        std::copy(copy, copy + rows, out);
        return is_plain;
    }

    // `previous` begins with the block before the first lane's; the others' are those of the lanes before.
    template <typename T>
    PERFCORE_INLINE bool lanes(const double* const* columns, const double* const* previous, double* out, Room<T>& room) const {
        PartsOf<T>* const suffixes = room.suffixes();
        const int64_t w = this->size_;
        using Parts = PartsOf<T>;
        using Wide = typename M::template Over<T>;
        T shift[M::CELLS], first[M::CELLS], cells[M::CELLS];
        for (int c = 0; c < M::CELLS; c++) {
            first[c] = load<T>(columns[c], w);
            cells[c] = load_after<T>(previous[c] + w - 1, columns[c] + w - 1, w);
            shift[c] = first[c] - cells[c];
        }
        Line<T> suffix(cells, of_groups_.data(), room.ladder);
        for (int64_t j = w - 1; j > 0; j--) {
            for (int c = 0; c < M::CELLS; c++) cells[c] = load_after<T>(previous[c] + j, columns[c] + j, w);
            suffix.push(cells);
            suffixes[j] = suffix.parts();
        }
        Line<T> prefix(first, of_groups_.data(), room.ladder);
        for (int64_t j = 0; j < w; j++) {
            for (int c = 0; c < M::CELLS; c++) cells[c] = load<T>(columns[c] + j, w);
            prefix.push(cells);
            const Parts parts = prefix.parts();
            const Parts all = j + 1 == w ? parts : Wide::merge(suffixes[j + 1], parts, shift, shares_[size_t(j)]);
            store(this->say_.value(all, double(w), prefix.from_anchor(cells[0])), out + j, w);
        }
        return are_all_finite<T>(prefix.parts());
    }

    // A chain of lanes, written out so that it stays in registers.
    template <typename T>
    class Line {
        using Parts = PartsOf<T>;
        using Wide = typename M::template Over<T>;

    public:
        PERFCORE_INLINE Line(const T* first, const Shares* of_groups, Ladder<Wide>& ladder)
            : of_groups_(of_groups), ladder_(ladder) {
            for (int c = 0; c < M::CELLS; c++) anchor_[c] = first[c];
            if constexpr (LONG) ladder.reset();
        }
        PERFCORE_INLINE void push(const T* cells) {
            T from[M::CELLS];
            for (int c = 0; c < M::CELLS; c++) from[c] = M::ANCHORED ? cells[c] - anchor_[c] : cells[c];
            Wide::more(group_.parts, from, ++group_.n);
            n_++;
            if (LONG && n_ % GROUP == 0) {
                base_ = ladder_.climb(group_, n_);
                group_ = Wide::nothing();
            }
        }
        PERFCORE_INLINE Parts parts() const {
            if constexpr (LONG) return Wide::kept(base_, group_, of_groups_[n_]).parts;
            else return group_.parts;
        }
        PERFCORE_INLINE T from_anchor(const T& cell) const { return M::ANCHORED ? cell - anchor_[0] : cell; }

    private:
        T anchor_[M::CELLS];
        typename Wide::Body group_ = Wide::nothing(), base_ = Wide::nothing();
        int64_t n_ = 0;
        const Shares* const of_groups_;
        Ladder<Wide>& ladder_;
    };

    template <typename T>
    PERFCORE_INLINE static bool are_all_finite(const PartsOf<T>& parts) {
        T each[sizeof parts / sizeof(T)];
        std::memcpy(each, &parts, sizeof parts);
        bool are = true;
        for (const T& x : each) are &= are_finite(x);
        return are;
    }

    static bool are_cells_finite(const Series& series, int64_t begin, int64_t rows) {
        int64_t n_others = 0;
        for (int c = 0; c < M::CELLS; c++) {
            const double* const cells = series.columns[c] + begin;
            for (int64_t i = 0; i < rows; i++) n_others += !(cells[i] - cells[i] == 0);
        }
        return n_others == 0;
    }

    PERFCORE_APART void step_by_step(const Series& series, int64_t begin, int64_t rows, double* out, State& scratch,
                                     int64_t& come) const {
        const int64_t delay = !this->with_present_;
        if (come != begin) {
            double cells[M::CELLS];
            Head& head = this->first(scratch, this->size_);
            for (int64_t i = std::max<int64_t>(begin - this->size_, 0); i < begin + delay; i++, head.n_seen++) {
                for (int c = 0; c < M::CELLS; c++) cells[c] = series.columns[c][i];
                this->push(head, cells);
            }
        }
        this->loop(*static_cast<Head*>(scratch.data()), series, begin + delay, begin + delay + rows, out);
        come = begin + rows;
    }
#endif
};

}  // namespace perfcore::features
