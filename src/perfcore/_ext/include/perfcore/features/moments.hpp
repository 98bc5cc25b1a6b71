// Sums and moments of a window.
//
// Moments are relative to an anchor, a cell of the window itself, and to the mean: what is rounded is never larger than
// the window's own range, wherever it lies. A new cell is Welford's update; two lots of cells are put together by the
// formulas of Chan et al. and Pébay. All formulas are over `T`, a double or several at once, so that blocks of rows
// can be made side by side (blocks.hpp).
#pragma once

#include "blocks.hpp"
#include "exact.hpp"
#include "simd.hpp"
#include "window.hpp"

namespace perfcore::features {

inline double nan_of() { return std::numeric_limits<double>::quiet_NaN(); }

// 1 / n, from a table for the n of short windows.
struct Reciprocals {
    Reciprocals() {
        for (int64_t n = 1; n <= SHORT; n++) of[n] = 1.0 / double(n);
    }
    double operator()(double n) const { return n <= double(SHORT) ? of[int(n)] : 1.0 / n; }
    double of[SHORT + 1] = {};
};
inline const Reciprocals RECIPROCAL;

template <typename T>
struct TotalParts {
    T sum;
};
template <typename T>
struct TotalOver {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = true, ANCHORED = false;
    using Parts = TotalParts<T>;
    template <typename U>
    using Over = TotalOver<U>;
    struct Anchor {};
    struct Body {
        double n;
        Parts parts;
        T low;  // what the roundings of sums of sums took away
    };
    struct Kept {
        double n;
        Parts parts;
    };

    static void more(Parts& parts, const T* cells, double) { parts.sum = parts.sum + cells[0]; }
    static Parts merge(const Parts& a, const Parts& b, const T*, const Shares&) { return {a.sum + b.sum}; }

    static Anchor anchor(const T*) { return {}; }
    static Body nothing() { return {0.0, {T(-0.0)}, T(-0.0)}; }  // x + -0.0 is x, whatever its sign
    static void push(Body& body, const Anchor&, const T* cells) {
        body.n++;
        more(body.parts, cells, body.n);
    }
    static void add(Body& body, const Body& with) {
        const T sum = body.parts.sum + with.parts.sum, of_with = sum - body.parts.sum;
        // Subtracted: where nothing was rounded it is 0.0, and sums of -0.0 alone stay -0.0.
        body.low = body.low - (((sum - of_with) - body.parts.sum) + (of_with - with.parts.sum) - with.low);
        body.parts.sum = sum;
        body.n += with.n;
    }
    static Kept kept(const Body& body) { return {body.n, body.parts}; }
    static Kept kept(const Body& body, const Body& with) { return kept(body, with, Shares(1.0, 1.0)); }
    static Kept kept(const Body& body, const Body& with, const Shares&) {
        const T low = body.low + with.parts.sum, sum = body.parts.sum + low;
        // Infinite sums have no low.
        return {body.n + with.n, {choose(is_equal(sum, sum), sum, body.parts.sum + with.parts.sum)}};
    }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) {
        return {front.n + back.n, {front.parts.sum + back.parts.sum}};
    }
};
using Total = TotalOver<double>;

// How many rows there are, and in how many of them a cell is.
template <bool NAN_IS_MISSING>
struct Counted {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = false;
    struct Anchor {};
    struct Body {
        double n, there;
    };
    using Kept = Body;

    static Anchor anchor(const double*) { return {}; }
    static Body nothing() { return {0.0, 0.0}; }
    static void push(Body& body, const Anchor&, const double* cells) {
        body.n++;
        body.there += !is_missing(cells[0], NAN_IS_MISSING);
    }
    static void add(Body& body, const Body& with) { body = join(body, with, {}, {}); }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& with) { return join(body, with, {}, {}); }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) {
        return {front.n + back.n, front.there + back.there};
    }
};
template <bool NAN_IS_MISSING>
constexpr bool TAKES_MISSING<Counted<NAN_IS_MISSING>> = true;

// What all moments have in common. `Formulas` has `more`, one more cell, from the anchor; and `merge`, of two lots of
// cells, where `shift` is the anchor of the second from that of the first; what comes is relative to the second's.
template <typename Formulas, int N, template <typename> class OfT, typename T = double>
struct Moments : Formulas {
    static constexpr int CELLS = N;
    static constexpr bool LADDER = true, ANCHORED = true;
    using Parts = OfT<T>;
    template <typename U>
    using Over = Moments<Formulas, N, OfT, U>;
    struct Anchor {
        T at[N];
    };
    struct Body {
        double n;
        Parts parts;
    };
    using Kept = Body;

    static Anchor anchor(const T* cells) {
        Anchor anchor;
        for (int j = 0; j < N; j++) anchor.at[j] = cells[j];
        return anchor;
    }
    static Body nothing() { return {}; }
    static void push(Body& body, const Anchor& anchor, const T* cells) {
        T from[N];
        for (int j = 0; j < N; j++) from[j] = cells[j] - anchor.at[j];
        body.n++;
        Formulas::more(body.parts, from, body.n);
    }
    static void add(Body& body, const Body& with) { body = kept(body, with); }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& with) { return kept(body, with, Shares(body.n, with.n)); }
    static Kept kept(const Body& body, const Body& with, const Shares& shares) {
        if (body.n == 0) return with;
        if (with.n == 0) return body;
        const T here[N] = {};
        return {body.n + with.n, Formulas::merge(body.parts, with.parts, here, shares)};
    }
    static Kept join(const Kept& front, const Kept& back, const Anchor& of_front, const Anchor& of_back) {
        T shift[N];
        for (int j = 0; j < N; j++) shift[j] = of_back.at[j] - of_front.at[j];
        return {front.n + back.n, Formulas::merge(front.parts, back.parts, shift, Shares(front.n, back.n))};
    }
};

template <typename T>
struct SecondParts {
    T mean, m2;  // the mean from the anchor; the sum of squares about it
};
struct SecondFormulas {
    template <typename T>
    static void more(SecondParts<T>& parts, const T* from_anchor, double n) {
        const T from = from_anchor[0] - parts.mean;
        parts.mean = parts.mean + from * RECIPROCAL(n);
        parts.m2 = parts.m2 + from * (from_anchor[0] - parts.mean);
    }
    template <typename T>
    static SecondParts<T> merge(const SecondParts<T>& a, const SecondParts<T>& b, const T* shift, const Shares& w) {
        const T from = (b.mean - a.mean) + shift[0];
        return {b.mean - from * w.a, a.m2 + b.m2 + from * from * w.ab};
    }
};
using Second = Moments<SecondFormulas, 1, SecondParts>;

template <typename T>
struct FourthParts {
    T mean, m2, m3, m4;
};
struct FourthFormulas {
    template <typename T>
    static void more(FourthParts<T>& parts, const T* from_anchor, double n) {
        const T from = from_anchor[0] - parts.mean, part = from * RECIPROCAL(n), square = part * part;
        const T own = from * part * (n - 1.0);
        parts.mean = parts.mean + part;
        parts.m4 =
            parts.m4 + (own * square * (n * n - 3.0 * n + 3.0) + 6.0 * square * parts.m2 - 4.0 * part * parts.m3);
        parts.m3 = parts.m3 + (own * part * (n - 2.0) - 3.0 * part * parts.m2);
        parts.m2 = parts.m2 + own;
    }
    template <typename T>
    static FourthParts<T> merge(const FourthParts<T>& a, const FourthParts<T>& b, const T* shift, const Shares& w) {
        const T from = (b.mean - a.mean) + shift[0], square = from * from;
        return {b.mean - from * w.a, a.m2 + b.m2 + square * w.ab,
                a.m3 + b.m3 + square * from * (w.ab * (w.a - w.b)) + 3.0 * from * (w.a * b.m2 - w.b * a.m2),
                a.m4 + b.m4 + square * square * (w.ab * (w.a * w.a - w.a * w.b + w.b * w.b)) +
                    6.0 * square * (w.a * w.a * b.m2 + w.b * w.b * a.m2) + 4.0 * from * (w.a * b.m3 - w.b * a.m3)};
    }
};
using Fourth = Moments<FourthFormulas, 1, FourthParts>;

template <typename T>
struct BothParts {
    T x, y, xx, yy, xy;  // means from the anchors; sums of products about them
};
struct BothFormulas {
    template <typename T>
    static void more(BothParts<T>& parts, const T* from_anchor, double n) {
        const T x = from_anchor[0], y = from_anchor[1], dx = x - parts.x, dy = y - parts.y;
        parts.x = parts.x + dx * RECIPROCAL(n);
        parts.y = parts.y + dy * RECIPROCAL(n);
        parts.xx = parts.xx + dx * (x - parts.x);
        parts.yy = parts.yy + dy * (y - parts.y);
        parts.xy = parts.xy + dx * (y - parts.y);
    }
    template <typename T>
    static BothParts<T> merge(const BothParts<T>& a, const BothParts<T>& b, const T* shift, const Shares& w) {
        const T dx = (b.x - a.x) + shift[0], dy = (b.y - a.y) + shift[1];
        return {b.x - dx * w.a, b.y - dy * w.a, a.xx + b.xx + dx * dx * w.ab, a.yy + b.yy + dy * dy * w.ab,
                a.xy + b.xy + dx * dy * w.ab};
    }
};
using Both = Moments<BothFormulas, 2, BothParts>;

// What is said of a window: `value` of the numbers of n cells, where there are `enough`; `from` is the present cell
// from the anchor.
struct Saying {
    explicit Saying(const Spec& spec)
        : least(double(spec.integer("min_periods", 1))), ddof(double(spec.integer("ddof", 1))),
          none(spec.nan_is_missing ? nan_of() : missing()) {}

    bool enough(double n) const { return n >= least; }

    // NaN of arithmetic has a sign on some machines; that of an answer is one and the same.
    template <typename T>
    static T plain(const T& x) {
        return choose(is_equal(x, x), x, T(nan_of()));
    }

    const double least, ddof, none;  // `none`: what is not there, a plain NaN to those who know no other
};

// What is divided by a power of deviations is there where the power is at least this: what it is the sum of has not
// lost digits to underflow then. That of equal cells is 0.
constexpr double LEAST_POWER = 1e-290;

// `value`, which was divided by `power`; NaN where that is beyond all doubles.
template <typename T>
T over_power(const T& power, const T& value, double none) {
    const T least = LEAST_POWER, beyond = std::numeric_limits<double>::infinity();
    return choose(power < least, T(none), choose(power < beyond, value, T(nan_of())));
}

// `Own::value` of windows of M.
template <typename Own, typename M>
struct Says : Saying {
    static constexpr bool OF_PRESENT = false;
    using Saying::Saying;
    double operator()(const Held<M>& held, const double* cells) const {
        const Own& own = static_cast<const Own&>(*this);
        if (!own.enough(held.kept.n)) return none;
        double from = 0.0;
        if constexpr (Own::OF_PRESENT) {
            if (bits_of(cells[0]) == MISSING_BITS) return none;
            from = cells[0] - held.anchor.at[0];
        }
        return own.value(held.kept.parts, held.kept.n, from);
    }
};

struct SaySum : Says<SaySum, Total> {
    using Says::Says;
    template <typename T>
    T value(const TotalParts<T>& parts, double n, const T&) const {
        return n == 0 ? T(0.0) : plain(parts.sum);
    }
};
struct SayMean : Says<SayMean, Total> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n > 0; }
    template <typename T>
    T value(const TotalParts<T>& parts, double n, const T&) const {
        return plain(parts.sum / n);
    }
};
struct SayCount : Saying {  // `min_periods` are rows here, as in pandas: what is counted may be absent
    using Saying::Saying;
    template <bool NAN_IS_MISSING>
    double operator()(const Held<Counted<NAN_IS_MISSING>>& held, const double*) const {
        return enough(held.kept.n) ? held.kept.there : none;
    }
};
struct SayVar : Says<SayVar, Second> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n > ddof; }
    template <typename T>
    T value(const SecondParts<T>& parts, double n, const T&) const {
        return plain(parts.m2 / (n - ddof));
    }
};
struct SayStd : Says<SayStd, Second> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n > ddof; }
    template <typename T>
    T value(const SecondParts<T>& parts, double n, const T&) const {
        return plain(root(parts.m2 / (n - ddof)));
    }
};
struct SayZscore : Says<SayZscore, Second> {
    static constexpr bool OF_PRESENT = true;
    using Says::Says;
    bool enough(double n) const { return n >= least && n > ddof; }
    template <typename T>
    T value(const SecondParts<T>& parts, double n, const T& from) const {
        return over_power(parts.m2, plain((from - parts.mean) / root(parts.m2 / (n - ddof))), none);
    }
};
struct SaySkew : Says<SaySkew, Fourth> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n >= 3; }
    template <typename T>
    T value(const FourthParts<T>& parts, double n, const T&) const {
        const double unbiased = n * std::sqrt(n - 1.0) / (n - 2.0);
        const T power = parts.m2 * root(parts.m2);
        return over_power(power, plain(unbiased * (parts.m3 / power)), none);
    }
};
struct SayKurt : Says<SayKurt, Fourth> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n >= 4; }
    template <typename T>
    T value(const FourthParts<T>& parts, double n, const T&) const {
        const double unbiased = (n - 1.0) / ((n - 2.0) * (n - 3.0));
        const T ratio = (parts.m4 / parts.m2) / parts.m2, power = parts.m2 * parts.m2;
        return over_power(power, plain(unbiased * (n * (n + 1.0) * ratio - 3.0 * (n - 1.0))), none);
    }
};
struct SayCov : Says<SayCov, Both> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n > ddof; }
    template <typename T>
    T value(const BothParts<T>& parts, double n, const T&) const {
        return plain(parts.xy / (n - ddof));
    }
};
struct SayCorr : Says<SayCorr, Both> {
    using Says::Says;
    bool enough(double n) const { return n >= least && n >= 2; }
    template <typename T>
    T value(const BothParts<T>& parts, double, const T&) const {
        const T corr = parts.xy / (root(parts.xx) * root(parts.yy)), one = 1.0;
        const T most = choose(one < corr, one, choose(corr < -one, -one, corr));
        return over_power(parts.xx, over_power(parts.yy, plain(most), none), none);
    }
};

template <typename M, typename Say>
std::unique_ptr<Feature> of_moments(const Spec& spec) {
    return over_window<M, Say, InBlocks<M, Say, false>, InBlocks<M, Say, true>>(spec);
}

template <typename M, typename Say, typename Short, typename Long>
std::unique_ptr<Feature> of_sums(const Spec& spec) {
    return over_window<M, Say, Summed<Short, M, Say>, Summed<Long, M, Say>, Summed<OfTime<M, Say>, M, Say>,
                       Summed<OfAll<M, Say>, M, Say>>(spec);
}
template <typename Say>
std::unique_ptr<Feature> of_totals(const Spec& spec) {
    return of_sums<Total, Say, InBlocks<Total, Say, false>, InBlocks<Total, Say, true>>(spec);
}
template <bool NAN_IS_MISSING>
std::unique_ptr<Feature> of_counts(const Spec& spec) {
    using M = Counted<NAN_IS_MISSING>;
    return of_sums<M, SayCount, OfRows<M, SayCount, false>, OfRows<M, SayCount, false>>(spec);
}

inline std::unique_ptr<Feature> make_moments(const Spec& spec) {
    if (spec.kind == "sum") return of_totals<SaySum>(spec);
    if (spec.kind == "mean") return of_totals<SayMean>(spec);
    if (spec.kind == "count") return spec.nan_is_missing ? of_counts<true>(spec) : of_counts<false>(spec);
    if (spec.kind == "var") return of_moments<Second, SayVar>(spec);
    if (spec.kind == "std") return of_moments<Second, SayStd>(spec);
    if (spec.kind == "zscore") return of_moments<Second, SayZscore>(spec);
    if (spec.kind == "skew") return of_moments<Fourth, SaySkew>(spec);
    if (spec.kind == "kurt") return of_moments<Fourth, SayKurt>(spec);
    if (spec.kind == "cov") return of_moments<Both, SayCov>(spec);
    if (spec.kind == "corr") return of_moments<Both, SayCorr>(spec);
    return nullptr;
}

// For features that are made of one.
inline std::unique_ptr<Feature> moment(Spec spec, const char* kind) {
    spec.kind = kind;
    return make_moments(spec);
}

}  // namespace perfcore::features
