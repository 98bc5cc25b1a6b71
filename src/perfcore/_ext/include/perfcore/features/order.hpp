// Medians, quantiles and ranks of the cells in a window.
#pragma once

#include <cmath>
#include <limits>

#include "of_cells.hpp"
#include "ranked.hpp"
#include "scan.hpp"
#include "sorted.hpp"

namespace perfcore::features {

// Between two neighbours in order; as pandas' roll_quantile names and computes them (_libs/window/aggregations.pyx),
// but where the difference of two cells is infinite.
enum class Between { LINEAR, LOWER, HIGHER, MIDPOINT, NEAREST };

inline double middle_of(double low, double high) {
    const double sum = low + high;
    return std::isinf(sum) && std::isfinite(low) && std::isfinite(high) ? low / 2 + high / 2 : sum / 2;
}

inline double between(double low, double high, double part) {
    if (low == high) return low;
    const double difference = high - low;
    return std::isinf(difference) ? low * (1 - part) + high * part : low + difference * part;
}

// Short windows of rows are ranked in a batch.
template <typename Own>
class Ordered : public OfCells<Own, Sorted> {
public:
    using OfCells<Own, Sorted>::OfCells;
    void run(const Series& series, double* const* out, State& scratch) const override {
        int64_t n_held, n_after;
        this->rows_held(&n_held, &n_after);
        const bool is_short = this->span_.rows != 0 && n_held > 0 && n_held <= 128;
        const double* cells = series.columns[0];
        if (!is_short || has_minus_zero(cells, series.n)) return OfCells<Own, Sorted>::run(series, out, scratch);
        if (n_held <= 64) run_ranked<64>(cells, series.n, n_held, n_after, out[0]);
        else run_ranked<128>(cells, series.n, n_held, n_after, out[0]);
    }

private:
    static bool has_minus_zero(const double* cells, int64_t n) {
        int64_t n_there = 0;
        for (int64_t i = 0; i < n; i++) n_there += bits_of(cells[i]) == bits_of(-0.0);
        return n_there != 0;
    }

    template <int PLACES>
    void run_ranked(const double* cells, int64_t n, int64_t n_held, int64_t n_after, double* out) const {
        Ranked<PLACES> ranked(n_held);
        Tally tally{};
        for (int64_t i = 0; i < std::min(n, n_after); i++) out[i] = this->none_;
        for (int64_t i = 0; i + n_after < n; i++) {
            const int64_t others = std::min(i, n_held - 1);
            if (i >= n_held) tally.count(cells[i - n_held], this->nan_is_missing_, -1);
            tally.count(cells[i], this->nan_is_missing_, 1);
            ranked.push(cells[i], n_at_most(cells + i - others, others, cells[i]));
            out[i + n_after] = this->answer(tally, ranked, cells[i]);
        }
    }
};

class Median final : public Ordered<Median> {
public:
    using Ordered::Ordered;
    template <typename Cells>
    double tell(Cells& cells, double) const {
        const int64_t n = cells.size(), half = n / 2;
        if (n % 2 == 1) return cells.at(half);
        const double low = cells.at(half - 1);
        return middle_of(low, cells.at(half));
    }
};

class Quantile final : public Ordered<Quantile> {
public:
    explicit Quantile(const Spec& spec)
        : Ordered(spec), quantile_(spec.number("quantile", 0.5)), between_(Between(spec.integer("between", 0))) {}

    template <typename Cells>
    double tell(Cells& cells, double) const {
        const double exact = quantile_ * double(cells.size() - 1);
        const int64_t rank = int64_t(exact);
        const double part = exact - double(rank), low = cells.at(rank);
        if (part == 0) return low;
        switch (between_) {
            case Between::LOWER: return low;
            case Between::HIGHER: return cells.at(rank + 1);
            case Between::MIDPOINT: return middle_of(low, cells.at(rank + 1));
            case Between::NEAREST: return part < 0.5 || (part == 0.5 && rank % 2 == 0) ? low : cells.at(rank + 1);
            default: return between(low, cells.at(rank + 1), part);
        }
    }

private:
    const double quantile_;
    const Between between_;
};

// Of the newest cell in its window, from 1; equal ones share the mean, the least or the greatest of their ranks.
enum class Shared { MEAN, LEAST, GREATEST };

class Rank final : public OfCells<Rank, Sorted> {
public:
    explicit Rank(const Spec& spec)
        : OfCells(spec),
          ties_(Shared(spec.integer("ties", 0))),
          is_descending_(spec.integer("descending", 0) != 0),
          is_part_(spec.integer("part", 0) != 0) {}

    double tell(Sorted& cells, double newest) const {
        if (newest != newest) return missing();
        const bool is_zero = newest == 0;  // of which there are two
        const int64_t less = cells.rank(key_of(is_zero ? -0.0 : newest) - 1);
        const int64_t most = cells.rank(key_of(is_zero ? 0.0 : newest)), n = cells.size();
        const int64_t first = is_descending_ ? n - most + 1 : less + 1, last = is_descending_ ? n - less : most;
        const double mean = double(first + last) / 2;
        const double rank = ties_ == Shared::MEAN ? mean : double(ties_ == Shared::LEAST ? first : last);
        return is_part_ ? rank / double(n) : rank;
    }

private:
    const Shared ties_;
    const bool is_descending_, is_part_;
};

inline std::unique_ptr<Feature> make_order(const Spec& spec) {
    if (spec.kind == "median") return std::make_unique<Median>(spec);
    if (spec.kind == "quantile") return std::make_unique<Quantile>(spec);
    if (spec.kind == "rank") return std::make_unique<Rank>(spec);
    return nullptr;
}

}  // namespace perfcore::features
