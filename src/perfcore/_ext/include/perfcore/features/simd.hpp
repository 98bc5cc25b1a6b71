// A few doubles at once, with the operators of one: a formula over `T` gives each the bits that it gives a double.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace perfcore::features {

inline double root(double x) { return std::sqrt(x); }
inline bool is_equal(double a, double b) { return a == b; }
inline double choose(bool which, double a, double b) { return which ? a : b; }

#if defined(__GNUC__)  // gcc and clang; elsewhere batches go row by row
#define PERFCORE_HAS_LANES 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // all is inlined: there is no calling convention to differ in

constexpr int N_LANES = 4;
typedef double Lanes __attribute__((vector_size(N_LANES * sizeof(double))));
typedef int64_t LanesMask __attribute__((vector_size(N_LANES * sizeof(double))));

inline Lanes lanes_of(double x) { return Lanes{x, x, x, x}; }
inline Lanes load(const double* from, int64_t stride) {
    return Lanes{from[0], from[stride], from[2 * stride], from[3 * stride]};
}
// The first from a place of its own, the others as `load` has the first three.
inline Lanes load_after(const double* first, const double* then, int64_t stride) {
    return Lanes{first[0], then[0], then[stride], then[2 * stride]};
}
inline void store(const Lanes& x, double* to, int64_t stride) {
    for (int i = 0; i < N_LANES; i++) to[i * stride] = x[i];
}
inline Lanes root(const Lanes& x) {
#if defined(__SSE2__)
    const __m128d low = _mm_sqrt_pd(__m128d{x[0], x[1]}), high = _mm_sqrt_pd(__m128d{x[2], x[3]});
    return Lanes{low[0], low[1], high[0], high[1]};
#else
    return Lanes{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]), std::sqrt(x[3])};
#endif
}
inline LanesMask is_equal(const Lanes& a, const Lanes& b) { return a == b; }
inline LanesMask is_equal(const Lanes& a, double b) { return a == lanes_of(b); }
inline Lanes choose(const LanesMask& which, const Lanes& a, const Lanes& b) { return which ? a : b; }
inline Lanes choose(const LanesMask& which, double a, const Lanes& b) { return which ? lanes_of(a) : b; }
inline bool are_finite(const Lanes& x) {
    const Lanes zero = x - x;
    return zero[0] == 0 && zero[1] == 0 && zero[2] == 0 && zero[3] == 0;
}

#pragma GCC diagnostic pop
#endif

}  // namespace perfcore::features
