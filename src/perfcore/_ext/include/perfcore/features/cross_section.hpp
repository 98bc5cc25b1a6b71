// What a row is among all rows of its group: a race, a date. A series is a group; each row's answer looks at them all,
// so that a group is asked as a whole, in a batch and in a stream alike.
#pragma once

#include <algorithm>
#include <cmath>

#include "apply.hpp"
#include "moments.hpp"
#include "order.hpp"

namespace perfcore::features {

constexpr int64_t FEW = 32;  // rows, as most groups have; plain sums of so many cells are within 4e-15 of their scale

// As many numbers as a group has rows, on the stack for groups as small as most are.
template <typename T>
class Room {
public:
    explicit Room(int64_t n) : many_(n > FEW ? size_t(n) : 0), at_(n > FEW ? many_.data() : few_) {}
    T* begin() { return at_; }
    T& operator[](int64_t i) { return at_[i]; }

private:
    T few_[FEW];
    std::vector<T> many_;
    T* const at_;
};

// Neumaier's sum of many; where it overflows or meets infinities, and of few, the plain one.
template <typename Term>
double sum_of(int64_t n, const Term& term) {
    double plain = 0;
    for (int64_t i = 0; i < n; i++) plain += term(i);
    if (n <= FEW) return plain;
    double sum = 0, lost = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = term(i), next = sum + x;
        lost += std::fabs(sum) >= std::fabs(x) ? (sum - next) + x : (x - next) + sum;
        sum = next;
    }
    return std::isfinite(sum + lost) ? sum + lost : plain;
}

// The cells of a group that are there.
struct Present {
    const double* cells;
    int64_t n;

    bool any_nan() const {
        for (int64_t i = 0; i < n; i++)
            if (cells[i] != cells[i]) return true;
        return false;
    }
    bool all_equal() const {  // then their mean is any of them and their variance 0, which rounding would miss
        for (int64_t i = 1; i < n; i++)
            if (cells[i] != cells[0]) return false;
        return true;
    }
    double sum() const {
        return sum_of(n, [&](int64_t i) { return cells[i]; });
    }
    double mean() const { return all_equal() ? cells[0] : sum() / double(n); }
    double var(int64_t ddof) const {
        if (n <= ddof) return missing();
        if (all_equal()) return cells[0] - cells[0];
        const double mean = sum() / double(n);
        const double squares = sum_of(n, [&](int64_t i) { return (cells[i] - mean) * (cells[i] - mean); });
        const double rest = sum_of(n, [&](int64_t i) { return cells[i] - mean; });  // the mean's rounding
        return (squares - rest * rest / double(n)) / double(n - ddof);
    }
    double median() const {
        Room<double> sorted(n);
        std::copy(cells, cells + n, sorted.begin());
        double* middle = sorted.begin() + n / 2;
        std::nth_element(sorted.begin(), middle, sorted.begin() + n);
        if (n % 2 == 1) return *middle;
        const double below = *std::max_element(sorted.begin(), middle);
        return middle_of(below, *middle);
    }
};

// A feature that looks at its whole series. Row by row there is nothing to remember: a step is a group of one row.
class OfGroup : public Feature {
public:
    explicit OfGroup(const Spec& spec) : nan_is_missing_(spec.nan_is_missing) {}
    size_t state_bytes(int64_t) const override { return 0; }
    void reset(void*, int64_t) const override {}
    bool is_ready(const void*) const override { return true; }
    bool step(void*, const double* cells, int64_t, double* out) const override {
        of_cells(cells, 1, out);
        return true;
    }
    void run(const Series& series, double* const* out, State&) const override {
        of_cells(series.columns[0], series.n, out[0]);
    }

protected:
    // Of a group's cells that are there: `told` has one for each of them; or one number for all rows, where it says so.
    virtual bool is_one_number() const = 0;
    virtual void tell(const Present& present, double* told) const = 0;
    virtual double of_nothing() const { return missing(); }  // one number of a group without cells
    virtual bool takes_nan() const { return false; }

private:
    void of_cells(const double* cells, int64_t n, double* out) const {
        int64_t n_there = n_present(cells, n, nan_is_missing_);
        Room<double> there(n_there == n ? 0 : n_there);
        Present present{cells, n};
        if (n_there < n) {
            int64_t at = 0;
            for (int64_t i = 0; i < n; i++)
                if (!is_missing(cells[i], nan_is_missing_)) there[at++] = cells[i];
            present = {there.begin(), n_there};
        }
        const bool is_nan = !nan_is_missing_ && !takes_nan() && present.any_nan();
        if (is_one_number()) {
            double told = of_nothing();
            if (is_nan) told = not_a_number();
            else if (n_there > 0) tell(present, &told);
            std::fill(out, out + n, bits_of(told) == MISSING_BITS ? told : answer_of(told));
            return;
        }
        Room<double> told(n_there);
        if (is_nan) std::fill(told.begin(), told.begin() + n_there, not_a_number());
        else if (n_there > 0) tell(present, told.begin());
        for (int64_t i = 0, at = 0; i < n; i++) {
            const bool is_there = n_there == n || !is_missing(cells[i], nan_is_missing_);
            out[i] = is_there ? told[at++] : missing();
            if (is_there && bits_of(out[i]) != MISSING_BITS) out[i] = answer_of(out[i]);
        }
    }

    const bool nan_is_missing_;
};

enum class Aggregate { COUNT, SUM, MEAN, VAR, STD, MIN, MAX, MEDIAN };

template <Aggregate what>
class GroupAggregate final : public OfGroup {
public:
    explicit GroupAggregate(const Spec& spec) : OfGroup(spec), ddof_(spec.integer("ddof", 1)) {}

private:
    bool is_one_number() const override { return true; }
    bool takes_nan() const override { return what == Aggregate::COUNT; }
    double of_nothing() const override { return what == Aggregate::COUNT || what == Aggregate::SUM ? 0 : missing(); }
    void tell(const Present& x, double* told) const override {
        switch (what) {
            case Aggregate::COUNT: *told = double(x.n); break;
            case Aggregate::SUM: *told = x.sum(); break;
            case Aggregate::MEAN: *told = x.mean(); break;
            case Aggregate::VAR: *told = x.var(ddof_); break;
            case Aggregate::STD: *told = x.n <= ddof_ ? missing() : std::sqrt(x.var(ddof_)); break;
            case Aggregate::MIN: *told = *std::min_element(x.cells, x.cells + x.n); break;
            case Aggregate::MAX: *told = *std::max_element(x.cells, x.cells + x.n); break;
            case Aggregate::MEDIAN: *told = x.median(); break;
        }
    }
    const int64_t ddof_;
};

enum class Against { ZSCORE, MINUS_MEAN, SHARE };

// A cell against its group.
template <Against what>
class GroupRelative final : public OfGroup {
public:
    explicit GroupRelative(const Spec& spec) : OfGroup(spec), ddof_(spec.integer("ddof", 1)) {}

private:
    bool is_one_number() const override { return false; }
    void tell(const Present& x, double* told) const override {
        if (what == Against::SHARE) {
            const double sum = x.sum();
            for (int64_t i = 0; i < x.n; i++) told[i] = x.cells[i] / sum;
            return;
        }
        const double mean = x.mean(), var = what == Against::ZSCORE ? x.var(ddof_) : 0, std = std::sqrt(var);
        for (int64_t i = 0; i < x.n; i++) {
            if (what == Against::MINUS_MEAN) told[i] = x.cells[i] - mean;
            else if (what == Against::ZSCORE && var * double(x.n - ddof_) < LEAST_POWER) told[i] = missing();
            else told[i] = var != var ? var : std::isinf(std) ? not_a_number() : (x.cells[i] - mean) / std;
        }
    }
    const int64_t ddof_;
};

enum class Ties { AVERAGE, MIN, MAX, DENSE, FIRST };

class GroupRank final : public OfGroup {
public:
    explicit GroupRank(const Spec& spec)
        : OfGroup(spec),
          ties_(static_cast<Ties>(spec.integer("ties", 0))),
          descends_(spec.integer("descending", 0) != 0),
          is_share_(spec.integer("part", 0) != 0) {}

private:
    struct Place {
        double x;
        int64_t row;
    };

    bool is_one_number() const override { return false; }
    void tell(const Present& x, double* told) const override {
        const bool can_count = ties_ == Ties::AVERAGE || ties_ == Ties::MIN || ties_ == Ties::MAX;
        if (can_count && x.n <= FEW) by_counts(x, told);
        else by_order(x, told);
    }
    // Of few cells: to count those that are less is faster than to sort.
    void by_counts(const Present& x, double* told) const {
        for (int64_t i = 0; i < x.n; i++) {
            int64_t n_less = 0, n_at_most = 0;
            for (int64_t j = 0; j < x.n; j++) {
                n_less += x.cells[j] < x.cells[i];
                n_at_most += x.cells[j] <= x.cells[i];
            }
            const int64_t first = descends_ ? x.n - n_at_most : n_less, next = descends_ ? x.n - n_less : n_at_most;
            told[i] = rank(first, first, next, 0);
            if (is_share_) told[i] /= double(x.n);
        }
    }
    void by_order(const Present& x, double* told) const {
        Room<Place> places(x.n);
        for (int64_t i = 0; i < x.n; i++) places[i] = {x.cells[i], i};
        const auto less = [this](const Place& a, const Place& b) {
            if (a.x != b.x) return descends_ ? a.x > b.x : a.x < b.x;
            return a.row < b.row;
        };
        std::sort(places.begin(), places.begin() + x.n, less);
        int64_t n_distinct = 0;
        for (int64_t first = 0, next; first < x.n; first = next, n_distinct++) {
            for (next = first + 1; next < x.n && places[next].x == places[first].x;) next++;
            for (int64_t i = first; i < next; i++) told[places[i].row] = rank(i, first, next, n_distinct);
        }
        if (!is_share_) return;
        const double highest = double(ties_ == Ties::DENSE ? n_distinct : x.n);
        for (int64_t i = 0; i < x.n; i++) told[i] /= highest;
    }
    double rank(int64_t i, int64_t first, int64_t next, int64_t n_before) const {
        switch (ties_) {
            case Ties::AVERAGE: return double(first + next + 1) / 2;
            case Ties::MIN: return double(first + 1);
            case Ties::MAX: return double(next);
            case Ties::DENSE: return double(n_before + 1);
            default: return double(i + 1);
        }
    }

    const Ties ties_;
    const bool descends_, is_share_;
};

// A user's own function of a group's cells.
class GroupApply final : public OfGroup {
public:
    explicit GroupApply(const Spec& spec)
        : OfGroup(spec), function_(reinterpret_cast<WindowsFunction>(spec.integer("function", 0))),
          min_periods_(spec.integer("min_periods", 1)) {}

private:
    bool is_one_number() const override { return true; }
    bool takes_nan() const override { return true; }
    void tell(const Present& x, double* told) const override { 
        *told = x.n >= min_periods_ ? call(function_, x.cells, x.n) : missing();
     }

    const WindowsFunction function_;
    const int64_t min_periods_;
};

inline std::unique_ptr<Feature> make_group(const Spec& spec) {
    using A = Aggregate;
    if (spec.kind == "group_count") return std::make_unique<GroupAggregate<A::COUNT>>(spec);
    if (spec.kind == "group_sum") return std::make_unique<GroupAggregate<A::SUM>>(spec);
    if (spec.kind == "group_mean") return std::make_unique<GroupAggregate<A::MEAN>>(spec);
    if (spec.kind == "group_var") return std::make_unique<GroupAggregate<A::VAR>>(spec);
    if (spec.kind == "group_std") return std::make_unique<GroupAggregate<A::STD>>(spec);
    if (spec.kind == "group_min") return std::make_unique<GroupAggregate<A::MIN>>(spec);
    if (spec.kind == "group_max") return std::make_unique<GroupAggregate<A::MAX>>(spec);
    if (spec.kind == "group_median") return std::make_unique<GroupAggregate<A::MEDIAN>>(spec);
    if (spec.kind == "group_zscore") return std::make_unique<GroupRelative<Against::ZSCORE>>(spec);
    if (spec.kind == "group_minus_mean") return std::make_unique<GroupRelative<Against::MINUS_MEAN>>(spec);
    if (spec.kind == "group_share") return std::make_unique<GroupRelative<Against::SHARE>>(spec);
    if (spec.kind == "group_rank") return std::make_unique<GroupRank>(spec);
    if (spec.kind == "group_apply" && spec.integer("function", 0) != 0) return std::make_unique<GroupApply>(spec);
    return nullptr;
}

}  // namespace perfcore::features
