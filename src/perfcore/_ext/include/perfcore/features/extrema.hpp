// The least and the greatest cell of a window; of equal ones (-0.0 and 0.0) the newest.
#pragma once

#include "of_cells.hpp"
#include "scan.hpp"
#include "window_extrema.hpp"

namespace perfcore::features {

// The cells that may yet be the best: each better than all that came after it. The first is the best.
template <bool is_max>
class Candidates {
public:
    static constexpr bool GROWS = true;
    static size_t bytes(int64_t room) { return sizeof(Head) + size_t(room) * sizeof(Placed); }
    Candidates(void* bytes, int64_t room)
        : head_(*static_cast<Head*>(bytes)), placed_(reinterpret_cast<Placed*>(&head_ + 1)), mask_(room - 1) {}
    void reset(int64_t) { head_ = {0, 0}; }

    void insert(double x, int64_t row) {
        while (head_.end != head_.begin && !is_better<is_max>(at(head_.end - 1).x, x)) head_.end--;
        placed_[head_.end++ & mask_] = {x, row};
    }
    void erase(double, int64_t row) {
        if (head_.end != head_.begin && placed_[head_.begin & mask_].row == row) head_.begin++;
    }
    void replace(double old, int64_t old_row, double x, int64_t row) {
        erase(old, old_row);
        insert(x, row);
    }
    double best() const { return at(head_.begin).x; }

    void copy_from(const Candidates& smaller) {
        for (int64_t i = smaller.head_.begin; i != smaller.head_.end; i++) placed_[head_.end++ & mask_] = smaller.at(i);
    }
    bool is_of(const Placed* cells, int64_t n, int64_t room) const {
        std::vector<uint64_t> expected((bytes(room) + 7) / 8);
        Candidates candidates(expected.data(), room);
        for (int64_t i = 0; i < n; i++) candidates.insert(cells[i].x, cells[i].row);
        if (head_.begin < 0 || head_.end < head_.begin || head_.end - head_.begin > room) return false;
        const int64_t length = head_.end - head_.begin;
        if (length != candidates.head_.end - candidates.head_.begin) return false;
        for (int64_t i = 0; i < length; i++) {
            const Placed &one = at(head_.begin + i), &other = candidates.at(candidates.head_.begin + i);
            if (one.row != other.row || bits_of(one.x) != bits_of(other.x)) return false;
        }
        return true;
    }

private:
    struct Head {
        int64_t begin, end;
    };
    const Placed& at(int64_t i) const { return placed_[i & mask_]; }

    Head& head_;
    Placed* const placed_;
    const int64_t mask_;
};

// Of a window that lets nothing go.
template <bool is_max>
class Best {
public:
    static constexpr bool GROWS = false;
    static size_t bytes(int64_t) { return sizeof(double); }
    Best(void* bytes, int64_t) : best_(*static_cast<double*>(bytes)) {}
    void reset(int64_t) { best_ = worst<is_max>(); }
    void insert(double x, int64_t) { best_ = better<is_max>(best_, x); }
    void erase(double, int64_t) {}
    void replace(double, int64_t, double x, int64_t) { best_ = better<is_max>(best_, x); }
    double best() const { return best_; }
    void copy_from(const Best& smaller) { best_ = smaller.best_; }
    bool is_of(const Placed*, int64_t, int64_t) const { return best_ == best_; }

private:
    double& best_;
};

template <typename Content>
class ExtremumSoFar final : public OfCells<ExtremumSoFar<Content>, Content> {
public:
    using OfCells<ExtremumSoFar, Content>::OfCells;
    double tell(const Content& content, double) const { return content.best(); }
};

template <bool is_max>
class Extremum final : public OfCells<Extremum<is_max>, Candidates<is_max>> {
public:
    using Base = OfCells<Extremum, Candidates<is_max>>;
    explicit Extremum(const Spec& spec) : Base(spec), has_avx2_(may_use_avx2()) {}
    double tell(const Candidates<is_max>& content, double) const { return content.best(); }

    void run(const Series& series, double* const* out, State& scratch) const override {
        int64_t w, n_after;
        this->rows_held(&w, &n_after);
        if (this->span_.rows == 0 || w < this->span_.min_periods || w > series.n)
            return Base::run(series, out, scratch);
        const double* cells = series.columns[0];
        const int64_t n = series.n - n_after;
        double* const told = out[0] + n_after;
        if (n_after != 0) out[0][0] = this->none_;
#if PERFCORE_HAS_LANES
        if (has_avx2_ && w >= 4) return run_with_avx2(cells, n, w, told, scratch);
        if (w >= 2) return run_rows<2>(cells, n, w, told, scratch);
#endif
        run_rows<1>(cells, n, w, told, scratch);
    }

private:
    PERFCORE_AVX2 void run_with_avx2(const double* cells, int64_t n, int64_t w, double* out, State& scratch) const {
        run_rows<4>(cells, n, w, out, scratch);
    }

    // Piece by piece. One with a NaN, the first and the last are copied: what is not there is as bad as can be.
    template <int N>
    PERFCORE_INLINE void run_rows(const double* cells, int64_t n, int64_t w, double* out, State& scratch) const {
        using Extrema = WindowExtrema<is_max, N>;
        const int64_t stride = Extrema::stride_of(w, n), own = Extrema::room(w, stride), copied = N + stride;
        double* const room = static_cast<double*>(scratch.at_least(size_t(own + copied + stride) * sizeof(double)));
        double *const copy = room + own, *const told = copy + copied;
        Extrema extrema(w, stride, room);
        Tally tally{};
        int64_t sure = w;  // from here on, and in the row before, all w cells are numbers
        for (int64_t i = 0; i < n; i += stride) {
            const int64_t end = std::min(i + stride, n), begin = std::max<int64_t>(i - N, 0);
            const bool is_sound = !has_nan(cells + begin, end - begin);
            if (is_sound && i >= N && end - i == stride) {
                extrema.run(cells + i, out + i);
            } else {
                std::fill(copy, copy + copied, worst<is_max>());
                for (int64_t j = begin; j < end; j++) copy[N + j - i] = better<is_max>(cells[j], worst<is_max>());
                extrema.run(copy + N, told);
                std::copy(told, told + (end - i), out + i);
            }
            int64_t after = is_sound ? i : end;  // the last NaN of the piece
            while (after > i && cells[after - 1] == cells[after - 1]) after--;
            if (after > i) sure = after + w;
            if (this->nan_is_missing_) count(tally, cells, i, std::min(end, sure), w, out, true);
            else count(tally, cells, i, std::min(end, sure), w, out, false);
        }
    }

    // Rows in whose windows cells may lack: none of their answers is of too few cells, nor of NaN.
    PERFCORE_INLINE void count(Tally& tally, const double* cells, int64_t begin, int64_t end, int64_t w, double* out,
                               bool nan_is_missing) const {
        const int64_t least = this->span_.min_periods;
        const double none = this->none_;
        for (int64_t j = begin; j < end; j++) {
            tally.count(cells[j], nan_is_missing, 1);
            if (j >= w) tally.count(cells[j - w], nan_is_missing, -1);
            out[j] = tally.n_cells < least ? none : tally.n_nan != 0 ? not_a_number() : out[j];
        }
    }

    const bool has_avx2_;
};

inline std::unique_ptr<Feature> make_extremum(const Spec& spec) {
    const bool is_all = Span(spec).is_all();
    if (spec.kind == "min") {
        if (is_all) return std::make_unique<ExtremumSoFar<Best<false>>>(spec);
        return std::make_unique<Extremum<false>>(spec);
    }
    if (spec.kind == "max") {
        if (is_all) return std::make_unique<ExtremumSoFar<Best<true>>>(spec);
        return std::make_unique<Extremum<true>>(spec);
    }
    return nullptr;
}

}  // namespace perfcore::features
