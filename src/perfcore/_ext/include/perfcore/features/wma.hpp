// The mean of a window in which the newest cell weighs n, and the oldest 1.
#pragma once

#include "window.hpp"

namespace perfcore::features {

// Sums of cells that are weighed 1, 2, ... as they come (the back of a window), or as they went (its front, which is made
// from its newest cell on).
struct Ramp {
    static constexpr int CELLS = 1;
    static constexpr bool LADDER = true;
    struct Anchor {};
    struct Body {
        double n, sum, rising, falling;
    };
    using Kept = Body;

    static Anchor anchor(const double*) { return {}; }
    static Body nothing() { return {0.0, 0.0, 0.0, 0.0}; }
    static void push(Body& body, const Anchor&, const double* cells) {
        body.n++;
        body.sum += cells[0];
        body.rising += body.n * cells[0];
        body.falling += body.sum;
    }
    static void add(Body& body, const Body& more) { body = kept(body, more); }
    static Kept kept(const Body& body) { return body; }
    static Kept kept(const Body& body, const Body& more) {
        return {body.n + more.n, body.sum + more.sum, body.rising + (more.rising + body.n * more.sum),
                more.falling + (body.falling + more.n * body.sum)};
    }
    static Kept join(const Kept& front, const Kept& back, const Anchor&, const Anchor&) {
        return {front.n + back.n, front.sum + back.sum, front.falling + (back.rising + front.n * back.sum), 0.0};
    }
};

struct SayRamp {
    explicit SayRamp(const Spec& spec)
        : least(double(spec.integer("min_periods", 1))), none(spec.none()) {}
    double operator()(const Held<Ramp>& held, const double*) const {
        const double n = held.kept.n;
        return n < least ? none : held.kept.rising / (n * (n + 1.0) / 2.0);
    }

    const double least, none;
};

}  // namespace perfcore::features
