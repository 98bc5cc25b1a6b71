// The mean of a window in which the newest cell weighs n, and the oldest 1.
#pragma once

#include "moments.hpp"

namespace perfcore::features {

// Sums of cells that are weighed 1, 2, ... as they come (the back of a window), or as they went (its front, which is made
// from its newest cell on).
template <typename T>
struct RampParts {
    T sum, rising, falling;
};
template <typename T>
struct RampOver {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = true, ANCHORED = false;
    using Parts = RampParts<T>;
    template <typename U>
    using Over = RampOver<U>;
    struct Anchor {};
    struct Body {
        double n;
        Parts parts;
    };
    using Kept = Body;

    static void more(Parts& parts, const T* cells, double n) {
        parts.sum = parts.sum + cells[0];
        parts.rising = parts.rising + cells[0] * n;
        parts.falling = parts.falling + parts.sum;
    }
    // Of a front and a back.
    static Parts merge(const Parts& a, const Parts& b, const T*, const Shares& of) {
        return {a.sum + b.sum, a.falling + (b.rising + b.sum * of.n_a), T(0.0)};
    }

    static Anchor anchor(const T*) { return {}; }
    static Body nothing() { return {}; }
    static void push(Body& body, const Anchor&, const T* cells) {
        body.n++;
        more(body.parts, cells, body.n);
    }
    static void add(Body& body, const Body& with) { body = kept(body, with); }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& with) {
        const Parts &a = body.parts, &b = with.parts;
        return {body.n + with.n, {a.sum + b.sum, a.rising + (b.rising + b.sum * body.n),
                                  b.falling + (a.falling + a.sum * with.n)}};
    }
    static Kept kept(const Body& body, const Body& with, const Shares&) { return kept(body, with); }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) {
        return {front.n + back.n, merge(front.parts, back.parts, nullptr, Shares(front.n, back.n))};
    }
};
using Ramp = RampOver<double>;

struct SayRamp : Says<SayRamp, Ramp> {
    using Says::Says;
    template <typename T>
    T value(const RampParts<T>& parts, double n, const T&) const {
        return plain(parts.rising / (n * (n + 1.0) / 2.0));
    }
};

}  // namespace perfcore::features
