// Sums and moments of a window.
//
// Moments are relative to an anchor, a cell of the window itself, and to the mean: what is rounded is never larger than
// the window's own range, wherever it lies. A new cell is Welford's update; two lots of cells are put together by the formulas of
// Chan et al. and Pébay.
#pragma once

#include <cmath>
#include <limits>

#include "window.hpp"

namespace perfcore::features {

inline double nan_of() { return std::numeric_limits<double>::quiet_NaN(); }

struct NoAnchor {};

// 1 / n, from a table for the n of short windows.
struct Reciprocals {
    Reciprocals() {
        for (int64_t n = 1; n <= SHORT; n++) of[n] = 1.0 / double(n);
    }
    double operator()(double n) const { return n <= double(SHORT) ? of[int(n)] : 1.0 / n; }
    double of[SHORT + 1] = {};
};
inline const Reciprocals RECIPROCAL;

struct Total {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = true;
    using Anchor = NoAnchor;
    struct Body {
        double n, sum, low;  // `low`: what roundings of sums of sums took away
    };
    struct Kept {
        double n, sum;
    };

    static Anchor anchor(const double*) { return {}; }
    static Body nothing() { return {0.0, -0.0, 0.0}; }  // x + -0.0 is x, whatever its sign
    static void push(Body& body, const Anchor&, const double* cells) {
        body.n++;
        body.sum += cells[0];
    }
    static void add(Body& body, const Body& more) {
        const double sum = body.sum + more.sum, of_more = sum - body.sum;
        body.low += (body.sum - (sum - of_more)) + (more.sum - of_more) + more.low;
        body.sum = sum;
        body.n += more.n;
    }
    static Kept kept(const Body& body) { return {body.n, body.sum}; }
    static Kept kept(const Body& body, const Body& more) {
        const double low = body.low + more.sum, sum = body.sum + low;
        return {body.n + more.n, sum == sum ? sum : body.sum + more.sum};  // infinite sums have no low
    }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) {
        return {front.n + back.n, front.sum + back.sum};
    }
};

struct Counted {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = false;
    using Anchor = NoAnchor;
    struct Body {
        double n;
    };
    using Kept = Body;

    static Anchor anchor(const double*) { return {}; }
    static Body nothing() { return {0.0}; }
    static void push(Body& body, const Anchor&, const double*) { body.n++; }
    static void add(Body& body, const Body& more) { body.n += more.n; }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& more) { return {body.n + more.n}; }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) { return {front.n + back.n}; }
};

// What is the same for all moments: a Body is kept as it is, `M::merge` puts two together.
template <typename M, typename Body>
struct Moments {
    static constexpr bool LADDER = true;
    using Kept = Body;

    static void add(Body& body, const Body& more) {
        body = body.n == 0 ? more : M::merge(body, more, {});
    }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& more) {
        if (body.n == 0) return more;
        return more.n == 0 ? body : M::merge(body, more, {});
    }
};

struct Anchored {
    double at;
};

struct SecondBody {
    double n, mean, m2;  // the mean from the anchor; the sum of squares about it
};
struct Second : Moments<Second, SecondBody> {
    static constexpr int CELLS = 1;
    using Anchor = Anchored;
    using Body = SecondBody;

    static Anchor anchor(const double* cells) { return {cells[0]}; }
    static Body nothing() { return {0.0, 0.0, 0.0}; }
    static void push(Body& body, const Anchor& anchor, const double* cells) {
        body.n++;
        const double from = (cells[0] - anchor.at) - body.mean;
        const double mean = body.mean + from * RECIPROCAL(body.n);
        body.m2 += from * ((cells[0] - anchor.at) - mean);
        body.mean = mean;
    }
    // `shift`: the anchor of `back` from that of `front`; the sum is relative to that of `back`.
    static Body merge(const Body& front, const Body& back, const Anchor& shift) {
        const double n = front.n + back.n, from = (back.mean - front.mean) + shift.at;
        return {n, back.mean - from * (front.n / n), front.m2 + back.m2 + from * from * (front.n * back.n / n)};
    }
    static Body join(const Body& front, const Body& back, const Anchor& of_front, const Anchor& of_back) {
        return merge(front, back, {of_back.at - of_front.at});
    }
};

struct FourthBody {
    double n, mean, m2, m3, m4;
};
struct Fourth : Moments<Fourth, FourthBody> {
    static constexpr int CELLS = 1;
    using Anchor = Anchored;
    using Body = FourthBody;

    static Anchor anchor(const double* cells) { return {cells[0]}; }
    static Body nothing() { return {0.0, 0.0, 0.0, 0.0, 0.0}; }
    static void push(Body& body, const Anchor& anchor, const double* cells) {
        const double before = body.n;
        body.n++;
        const double n = body.n, from = (cells[0] - anchor.at) - body.mean, part = from * RECIPROCAL(n), square = part * part;
        const double more = from * part * before;
        body.mean += part;
        body.m4 += more * square * (n * n - 3.0 * n + 3.0) + 6.0 * square * body.m2 - 4.0 * part * body.m3;
        body.m3 += more * part * (n - 2.0) - 3.0 * part * body.m2;
        body.m2 += more;
    }
    static Body merge(const Body& a, const Body& b, const Anchor& shift) {
        const double n = a.n + b.n, from = (b.mean - a.mean) + shift.at, wa = a.n / n, wb = b.n / n;
        const double ab = a.n * wb, square = from * from;
        return {n, b.mean - from * wa, a.m2 + b.m2 + square * ab,
                a.m3 + b.m3 + square * from * ab * (wa - wb) + 3.0 * from * (wa * b.m2 - wb * a.m2),
                a.m4 + b.m4 + square * square * ab * (wa * wa - wa * wb + wb * wb) +
                    6.0 * square * (wa * wa * b.m2 + wb * wb * a.m2) + 4.0 * from * (wa * b.m3 - wb * a.m3)};
    }
    static Body join(const Body& front, const Body& back, const Anchor& of_front, const Anchor& of_back) {
        return merge(front, back, {of_back.at - of_front.at});
    }
};

struct TwoAnchored {
    double x, y;
};
struct BothBody {
    double n, x, y, xx, yy, xy;  // means from the anchors; sums of products about them
};
struct Both : Moments<Both, BothBody> {
    static constexpr int CELLS = 2;
    using Anchor = TwoAnchored;
    using Body = BothBody;

    static Anchor anchor(const double* cells) { return {cells[0], cells[1]}; }
    static Body nothing() { return {0.0, 0.0, 0.0, 0.0, 0.0, 0.0}; }
    static void push(Body& body, const Anchor& anchor, const double* cells) {
        body.n++;
        const double x = cells[0] - anchor.x, y = cells[1] - anchor.y, dx = x - body.x, dy = y - body.y;
        const double r = RECIPROCAL(body.n);
        body.x += dx * r;
        body.y += dy * r;
        body.xx += dx * (x - body.x);
        body.yy += dy * (y - body.y);
        body.xy += dx * (y - body.y);
    }
    static Body merge(const Body& a, const Body& b, const Anchor& shift) {
        const double n = a.n + b.n, dx = (b.x - a.x) + shift.x, dy = (b.y - a.y) + shift.y, w = a.n / n, ab = a.n * b.n / n;
        return {n, b.x - dx * w, b.y - dy * w, a.xx + b.xx + dx * dx * ab, a.yy + b.yy + dy * dy * ab, a.xy + b.xy + dx * dy * ab};
    }
    static Body join(const Body& front, const Body& back, const Anchor& of_front, const Anchor& of_back) {
        return merge(front, back, {of_back.x - of_front.x, of_back.y - of_front.y});
    }
};

// What is said of a window: of the cells in it, where `min_periods` of them are there.
struct Saying {
    explicit Saying(const Spec& spec)
        : least(double(spec.integer("min_periods", 1))), ddof(double(spec.integer("ddof", 1))),
          none(spec.nan_is_missing ? nan_of() : missing()) {}

    // NaN of arithmetic has a sign on some machines; that of an answer is one and the same.
    static double plain(double x) { return x == x ? x : nan_of(); }

    const double least, ddof, none;  // `none`: what is not there, a plain NaN to those who know no other
};

struct SaySum : Saying {
    using Saying::Saying;
    double operator()(const Held<Total>& held, const double*) const {
        if (held.kept.n < least) return none;
        return held.kept.n == 0 ? 0.0 : plain(held.kept.sum);
    }
};
struct SayMean : Saying {
    using Saying::Saying;
    double operator()(const Held<Total>& held, const double*) const {
        return held.kept.n < least || held.kept.n == 0 ? none : plain(held.kept.sum / held.kept.n);
    }
};
struct SayCount : Saying {
    using Saying::Saying;
    double operator()(const Held<Counted>& held, const double*) const { return held.kept.n < least ? none : held.kept.n; }
};
struct SayVar : Saying {
    using Saying::Saying;
    double operator()(const Held<Second>& held, const double*) const {
        if (held.kept.n < least || held.kept.n <= ddof) return none;
        return plain(held.kept.m2 / (held.kept.n - ddof));
    }
};
struct SayStd : SayVar {
    using SayVar::SayVar;
    double operator()(const Held<Second>& held, const double* cells) const {
        const double var = SayVar::operator()(held, cells);
        return var == var ? std::sqrt(var) : var;
    }
};
struct SayZscore : Saying {
    using Saying::Saying;
    double operator()(const Held<Second>& held, const double* cells) const {
        const auto& of = held.kept;
        if (of.n < least || of.n <= ddof || bits_of(cells[0]) == MISSING_BITS || of.m2 == 0) return none;
        return plain(((cells[0] - held.anchor.at) - of.mean) / std::sqrt(of.m2 / (of.n - ddof)));
    }
};
struct SaySkew : Saying {
    using Saying::Saying;
    double operator()(const Held<Fourth>& held, const double*) const {
        const auto& of = held.kept;
        if (of.n < least || of.n < 3 || of.m2 == 0) return none;
        return plain(of.n * std::sqrt(of.n - 1.0) / (of.n - 2.0) * (of.m3 / (of.m2 * std::sqrt(of.m2))));
    }
};
struct SayKurt : Saying {
    using Saying::Saying;
    double operator()(const Held<Fourth>& held, const double*) const {
        const auto& of = held.kept;
        if (of.n < least || of.n < 4 || of.m2 == 0) return none;
        const double n = of.n, ratio = (of.m4 / of.m2) / of.m2;
        return plain((n - 1.0) / ((n - 2.0) * (n - 3.0)) * (n * (n + 1.0) * ratio - 3.0 * (n - 1.0)));
    }
};
struct SayCov : Saying {
    using Saying::Saying;
    double operator()(const Held<Both>& held, const double*) const {
        return held.kept.n < least || held.kept.n <= ddof ? none : plain(held.kept.xy / (held.kept.n - ddof));
    }
};
struct SayCorr : Saying {
    using Saying::Saying;
    double operator()(const Held<Both>& held, const double*) const {
        const auto& of = held.kept;
        if (of.n < least || of.n < 2 || of.xx == 0 || of.yy == 0) return none;
        const double corr = of.xy / (std::sqrt(of.xx) * std::sqrt(of.yy));
        return corr > 1.0 ? 1.0 : corr < -1.0 ? -1.0 : plain(corr);
    }
};

inline std::unique_ptr<Feature> make_moments(const Spec& spec) {
    if (spec.kind == "sum") return over_window<Total, SaySum>(spec);
    if (spec.kind == "mean") return over_window<Total, SayMean>(spec);
    if (spec.kind == "count") return over_window<Counted, SayCount>(spec);
    if (spec.kind == "var") return over_window<Second, SayVar>(spec);
    if (spec.kind == "std") return over_window<Second, SayStd>(spec);
    if (spec.kind == "zscore") return over_window<Second, SayZscore>(spec);
    if (spec.kind == "skew") return over_window<Fourth, SaySkew>(spec);
    if (spec.kind == "kurt") return over_window<Fourth, SayKurt>(spec);
    if (spec.kind == "cov") return over_window<Both, SayCov>(spec);
    if (spec.kind == "corr") return over_window<Both, SayCorr>(spec);
    return nullptr;
}

}  // namespace perfcore::features
