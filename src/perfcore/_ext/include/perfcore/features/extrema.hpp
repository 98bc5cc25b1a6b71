// The least and the greatest cell of a window; of equal ones (-0.0 and 0.0) the newest.
#pragma once

#include "of_cells.hpp"
#include "scan.hpp"

namespace perfcore::features {

template <bool is_max>
inline bool is_better(double x, double other) {
    return is_max ? x > other : x < other;
}

template <bool is_max>
inline double better(double x, double other) {  // one instruction: maxsd, minsd
    return is_better<is_max>(x, other) ? x : other;
}

template <bool is_max>
constexpr double worst() {
    return is_max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

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

// A window of rows over a whole series, by blocks as long as the window (van Herk; Gil and Werman):
//
//     cells    │ . . a b c │ d e . . . │    best of a..e = best of (a b c), from the right, and (d e), from the left
//
// Blocks are taken a few at a time, since what is done to one waits for its own last step only.
template <bool is_max>
class WindowExtrema {
public:
    explicit WindowExtrema(int64_t length)
        : length_(length), rights_(size_t((AT_ONCE + 1) * length), worst<is_max>()) {}

    int64_t stride() const { return AT_ONCE * length_; }

    // The next n rows; a multiple of `stride()` but the last time.
    void run(const double* cells, int64_t n, double* out) {
        // Of what is right of each cell: in the block before those at hand, and in those.
        double* rights = rights_.data();
        int64_t i = 0;
        for (; i + stride() <= n; i += stride()) {
            rights_of<AT_ONCE>(cells + i, rights + length_);
            lefts_of<AT_ONCE>(cells + i, rights, out + i, length_);
            std::copy(rights + stride(), rights + stride() + length_, rights);
        }
        for (; i < n; i += length_) {
            const int64_t here = std::min(length_, n - i);
            if (here == length_) rights_of<1>(cells + i, rights + length_);
            lefts_of<1>(cells + i, rights, out + i, here);
            std::copy(rights + length_, rights + 2 * length_, rights);
        }
    }

private:
    static constexpr int64_t AT_ONCE = 4;

    template <int64_t n_blocks>
    void rights_of(const double* cells, double* rights) const {
        double best[n_blocks];
        for (int64_t b = 0; b < n_blocks; b++) best[b] = worst<is_max>();
        for (int64_t j = length_ - 1; j >= 0; j--)
            for (int64_t b = 0; b < n_blocks; b++) {
                rights[b * length_ + j] = best[b];
                best[b] = better<is_max>(cells[b * length_ + j], best[b]);
            }
    }

    template <int64_t n_blocks>
    void lefts_of(const double* cells, const double* rights, double* out, int64_t n) const {
        double best[n_blocks];
        for (int64_t b = 0; b < n_blocks; b++) best[b] = worst<is_max>();
        for (int64_t j = 0; j < n; j++)
            for (int64_t b = 0; b < n_blocks; b++) {
                best[b] = better<is_max>(best[b], cells[b * length_ + j]);
                out[b * length_ + j] = better<is_max>(rights[b * length_ + j], best[b]);
            }
    }

    const int64_t length_;
    std::vector<double> rights_;
};

template <bool is_max>
class Extremum final : public OfCells<Extremum<is_max>, Candidates<is_max>> {
public:
    using Base = OfCells<Extremum, Candidates<is_max>>;
    using Base::Base;
    double tell(const Candidates<is_max>& content, double) const { return content.best(); }

    void run(const Series& series, double* const* out, State& scratch) const override {
        int64_t n_held, n_after;
        this->rows_held(&n_held, &n_after);
        if (this->span_.rows == 0 || n_held == 0 || n_held > series.n) return Base::run(series, out, scratch);
        run_rows(series.columns[0], series.n - n_after, n_held, out[0] + n_after);
        if (n_after != 0) out[0][0] = this->none_;
    }

private:
    void run_rows(const double* cells, int64_t n, int64_t n_held, double* out) const {
        WindowExtrema<is_max> extrema(n_held);
        const int64_t piece = (4096 / extrema.stride() + 1) * extrema.stride();
        std::vector<double> numbers;
        Tally tally{};
        int64_t n_sound = 0;  // rows since the last NaN
        for (int64_t i = 0; i < n; i += piece) {
            const int64_t here = std::min(piece, n - i);
            const bool is_sound = !has_nan(cells + i, here);
            if (!is_sound) {
                numbers.assign(cells + i, cells + i + here);
                for (double& x : numbers) x = x == x ? x : worst<is_max>();
            }
            extrema.run(is_sound ? cells + i : numbers.data(), here, out + i);
            for (int64_t j = i; j < i + here; j++) {
                if (is_sound && n_sound >= n_held && n_held >= this->span_.min_periods) {
                    n_sound += i + here - j;
                    break;
                }
                n_sound = cells[j] == cells[j] ? n_sound + 1 : 0;
                tally.count(cells[j], this->nan_is_missing_, 1);
                if (j >= n_held) tally.count(cells[j - n_held], this->nan_is_missing_, -1);
                if (tally.n_cells < this->span_.min_periods) out[j] = this->none_;
                else if (tally.n_nan != 0) out[j] = not_a_number();
            }
        }
    }
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
