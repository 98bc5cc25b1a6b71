// What is asked of many cells at once. Compilers make no vectors of such loops for SSE2, which any x86-64 has.
#pragma once

#include <algorithm>
#include <cstdint>

#include "feature.hpp"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define PERFCORE_SSE2
#endif

namespace perfcore::features {

// How many of n cells, in any order, are at most x.
inline int64_t n_at_most(const double* cells, int64_t n, double x) {
    int64_t count = 0, j = 0;
#ifdef PERFCORE_SSE2
    const __m128d most = _mm_set1_pd(x);
    __m128i one = _mm_setzero_si128(), other = one;
    for (; j + 4 <= n; j += 4) {
        one = _mm_sub_epi64(one, _mm_castpd_si128(_mm_cmple_pd(_mm_loadu_pd(cells + j), most)));
        other = _mm_sub_epi64(other, _mm_castpd_si128(_mm_cmple_pd(_mm_loadu_pd(cells + j + 2), most)));
    }
    alignas(16) int64_t counts[2];
    _mm_store_si128(reinterpret_cast<__m128i*>(counts), _mm_add_epi64(one, other));
    count = counts[0] + counts[1];
#endif
    for (; j < n; j++) count += cells[j] <= x;
    return count;
}

inline bool has_nan(const double* cells, int64_t n) {
    bool is_there = false;
    int64_t j = 0;
#ifdef PERFCORE_SSE2
    __m128d found = _mm_setzero_pd();
    for (; j + 4 <= n; j += 4)
        found = _mm_or_pd(found, _mm_cmpunord_pd(_mm_loadu_pd(cells + j), _mm_loadu_pd(cells + j + 2)));
    is_there = _mm_movemask_pd(found) != 0;
#endif
    for (; j < n; j++) is_there |= cells[j] != cells[j];
    return is_there;
}

inline bool are_all_finite(const double* cells, int64_t n) {
    int64_t n_others = 0, j = 0;
#ifdef PERFCORE_SSE2
    __m128d zero = _mm_setzero_pd();  // x - x is +0.0, without a bit, but for NaN and infinities
    for (; j + 4 <= n; j += 4) {
        const __m128d one = _mm_loadu_pd(cells + j), other = _mm_loadu_pd(cells + j + 2);
        zero = _mm_or_pd(zero, _mm_or_pd(_mm_sub_pd(one, one), _mm_sub_pd(other, other)));
    }
    n_others = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_castpd_si128(zero), _mm_setzero_si128())) != 0xFFFF;
#endif
    for (; j < n; j++) n_others += !(cells[j] - cells[j] == 0.0);
    return n_others == 0;
}

// NaN of any bits as the one NaN.
inline void make_plain(double* cells, int64_t n) {
    constexpr int64_t AT_ONCE = 64;  // most have none
    for (int64_t begin = 0; begin < n; begin += AT_ONCE) {
        const int64_t end = std::min(begin + AT_ONCE, n);
        if (!has_nan(cells + begin, end - begin)) continue;
        for (int64_t i = begin; i < end; i++) cells[i] = plain(cells[i]);
    }
}

}  // namespace perfcore::features
