// A few doubles at once, with the operators of one: a formula over `T` gives each the bits that it gives a double.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace perfcore::features {

// N doubles with the operators of one.
template <int N>
struct LanesOf {
#if defined(__GNUC__)
    typedef double Type __attribute__((vector_size(N * sizeof(double))));
#endif
};
template <>
struct LanesOf<1> {
    using Type = double;
};

inline double root(double x) { return std::sqrt(x); }
inline bool is_equal(double a, double b) { return a == b; }
inline double choose(bool which, double a, double b) { return which ? a : b; }

#if defined(__GNUC__)  // gcc and clang; elsewhere batches go row by row
#define PERFCORE_HAS_LANES 1

constexpr int N_LANES = 4;

typedef double Pair __attribute__((vector_size(2 * sizeof(double))));
typedef int64_t PairMask __attribute__((vector_size(2 * sizeof(int64_t))));

struct Lanes {
    Pair low, high;
    Lanes() = default;
    Lanes(Pair low, Pair high) : low(low), high(high) {}
    Lanes(double x) : low{x, x}, high{x, x} {}
    Lanes operator-() const { return {-low, -high}; }
};
struct LanesMask {
    PairMask low, high;
};

inline Lanes operator+(const Lanes& a, const Lanes& b) { return {a.low + b.low, a.high + b.high}; }
inline Lanes operator-(const Lanes& a, const Lanes& b) { return {a.low - b.low, a.high - b.high}; }
inline Lanes operator*(const Lanes& a, const Lanes& b) { return {a.low * b.low, a.high * b.high}; }
inline Lanes operator/(const Lanes& a, const Lanes& b) { return {a.low / b.low, a.high / b.high}; }
inline LanesMask operator<(const Lanes& a, const Lanes& b) { return {a.low < b.low, a.high < b.high}; }
inline LanesMask is_equal(const Lanes& a, const Lanes& b) { return {a.low == b.low, a.high == b.high}; }
inline Lanes choose(const LanesMask& which, const Lanes& a, const Lanes& b) {
    return {which.low ? a.low : b.low, which.high ? a.high : b.high};
}
inline Lanes load(const double* from, int64_t stride) {
    return {Pair{from[0], from[stride]}, Pair{from[2 * stride], from[3 * stride]}};
}
// The first from a place of its own, the others as `load` has the first three.
inline Lanes load_after(const double* first, const double* then, int64_t stride) {
    return {Pair{first[0], then[0]}, Pair{then[stride], then[2 * stride]}};
}
inline void store(const Lanes& x, double* to, int64_t stride) {
    to[0] = x.low[0];
    to[stride] = x.low[1];
    to[2 * stride] = x.high[0];
    to[3 * stride] = x.high[1];
}
inline Lanes root(const Lanes& x) {
#if defined(__SSE2__)
    return {_mm_sqrt_pd(x.low), _mm_sqrt_pd(x.high)};
#else
    return {Pair{std::sqrt(x.low[0]), std::sqrt(x.low[1])}, Pair{std::sqrt(x.high[0]), std::sqrt(x.high[1])}};
#endif
}
inline bool are_finite(const Lanes& x) {
    const Pair zero = (x.low - x.low) + (x.high - x.high);
    return zero[0] == 0 && zero[1] == 0;
}
#endif

}  // namespace perfcore::features
