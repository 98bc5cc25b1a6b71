// A few doubles at once, with the operators of one: a formula over `T` gives each the bits that it gives a double.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "isa.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
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

using Pair = LanesOf<2>::Type;
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
inline Lanes lanes_of(double a, double b, double c, double d, const Lanes*) { return {Pair{a, b}, Pair{c, d}}; }
inline void store(const Lanes& x, double* to, int64_t stride) {
    to[0] = x.low[0];
    to[stride] = x.low[1];
    to[2 * stride] = x.high[0];
    to[3 * stride] = x.high[1];
}
inline Lanes root(const Lanes& x) {
#if defined(__x86_64__)
    return {_mm_sqrt_pd(x.low), _mm_sqrt_pd(x.high)};
#else
    return {Pair{std::sqrt(x.low[0]), std::sqrt(x.low[1])}, Pair{std::sqrt(x.high[0]), std::sqrt(x.high[1])}};
#endif
}
inline bool are_finite(const Lanes& x) {
    const Pair zero = (x.low - x.low) + (x.high - x.high);
    return zero[0] == 0 && zero[1] == 0;
}

#if defined(__x86_64__)
#define PERFCORE_HAS_QUADS 1

// The same in one register, for functions of AVX2.
struct Quad {
    LanesOf<4>::Type all;
    Quad() = default;
    PERFCORE_INLINE Quad(const LanesOf<4>::Type& all) : all(all) {}
    PERFCORE_INLINE Quad(double x) : all{x, x, x, x} {}
    PERFCORE_INLINE Quad operator-() const { return -all; }
};
struct QuadMask {
    int64_t __attribute__((vector_size(4 * sizeof(int64_t)))) all;
};

PERFCORE_INLINE Quad operator+(const Quad& a, const Quad& b) { return a.all + b.all; }
PERFCORE_INLINE Quad operator-(const Quad& a, const Quad& b) { return a.all - b.all; }
PERFCORE_INLINE Quad operator*(const Quad& a, const Quad& b) { return a.all * b.all; }
PERFCORE_INLINE Quad operator/(const Quad& a, const Quad& b) { return a.all / b.all; }
PERFCORE_INLINE QuadMask operator<(const Quad& a, const Quad& b) { return {a.all < b.all}; }
PERFCORE_INLINE QuadMask is_equal(const Quad& a, const Quad& b) { return {a.all == b.all}; }
PERFCORE_INLINE Quad choose(const QuadMask& which, const Quad& a, const Quad& b) { return which.all ? a.all : b.all; }
PERFCORE_INLINE Quad lanes_of(double a, double b, double c, double d, const Quad*) {
    return LanesOf<4>::Type{a, b, c, d};
}
PERFCORE_INLINE void store(const Quad& x, double* to, int64_t stride) {
    for (int i = 0; i < 4; i++) to[i * stride] = x.all[i];
}
// In halves, which is as fast, and needs no function of AVX2: such a one is not inlined where formulas call it.
PERFCORE_INLINE Quad root(const Quad& x) {
    const Pair low = _mm_sqrt_pd(Pair{x.all[0], x.all[1]}), high = _mm_sqrt_pd(Pair{x.all[2], x.all[3]});
    return LanesOf<4>::Type{low[0], low[1], high[0], high[1]};
}
PERFCORE_INLINE bool are_finite(const Quad& x) {
    const LanesOf<4>::Type zero = x.all - x.all;
    return (zero[0] + zero[1]) + (zero[2] + zero[3]) == 0;
}
#endif

template <typename T>
PERFCORE_INLINE T load(const double* from, int64_t stride) {
    return lanes_of(from[0], from[stride], from[2 * stride], from[3 * stride], static_cast<const T*>(nullptr));
}
// The first from a place of its own, the others as `load` has the first three.
template <typename T>
PERFCORE_INLINE T load_after(const double* first, const double* then, int64_t stride) {
    return lanes_of(first[0], then[0], then[stride], then[2 * stride], static_cast<const T*>(nullptr));
}
#endif

}  // namespace perfcore::features
