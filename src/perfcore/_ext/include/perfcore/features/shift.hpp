// What a column was so many rows before.
#pragma once

#include <algorithm>

#include "feature.hpp"

namespace perfcore::features {

// The last n cells of a column, a ring behind its two numbers.
struct Ring {
    int64_t at, n_seen;
    double cells[1];

    static size_t bytes(int64_t n) { return sizeof(Ring) + size_t(n) * sizeof(double); }
    void reset(int64_t n) {
        at = n_seen = 0;
        for (int64_t i = 0; i <= n; i++) cells[i] = missing();
    }
    double push(int64_t n, double x) {  // returns the cell of n rows ago
        const double past = cells[at];
        cells[at] = x;
        at = at + 1 == n ? 0 : at + 1;
        n_seen++;
        return past;
    }
};

enum class Shift { LAG, DIFF, PCT_CHANGE };

template <Shift what>
class Shifted final : public Fixed<Shifted<what>, Ring> {
public:
    explicit Shifted(int64_t n) : n_(n) {}
    size_t bytes() const { return Ring::bytes(n_); }
    void reset(void* state, int64_t) const override { static_cast<Ring*>(state)->reset(n_); }
    bool is_ready(const void* state) const override { return static_cast<const Ring*>(state)->n_seen >= n_; }
    bool is_state(const void* bytes, int64_t) const override {
        const Ring& ring = *static_cast<const Ring*>(bytes);
        return ring.n_seen >= 0 && ring.at >= 0 && ring.at < std::max<int64_t>(n_, 1);
    }
    void one(Ring& ring, const double* cells, double* out) const {
        const double x = cells[0], past = n_ == 0 ? x : ring.push(n_, x);
        if (what == Shift::LAG) out[0] = past;
        else if (x != x || past != past) out[0] = bits_of(x) == MISSING_BITS || bits_of(past) == MISSING_BITS ? missing() : x + past;
        else out[0] = what == Shift::DIFF ? x - past : x / past - 1.0;
    }

private:
    const int64_t n_;
};

inline std::unique_ptr<Feature> make_shift(const Spec& spec) {
    const int64_t n = spec.integer("n", 1);
    if (spec.kind == "lag") return std::make_unique<Shifted<Shift::LAG>>(n);
    if (spec.kind == "diff") return std::make_unique<Shifted<Shift::DIFF>>(n);
    if (spec.kind == "pct_change") return std::make_unique<Shifted<Shift::PCT_CHANGE>>(n);
    return nullptr;
}

}  // namespace perfcore::features
