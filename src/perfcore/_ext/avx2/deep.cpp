// The deep forest on AVX2: searches by gathers, walks by what BMI adds to plain C++.
//
// Only functions below the pragma are compiled for AVX2: what the standard headers define stays at the baseline,
// so that a copy the linker keeps of it runs anywhere.
#include "perfcore/deep/deep.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi2,popcnt")
#endif

#include "perfcore/deep/block.hpp"

namespace perfcore::deep::avx2 {
namespace {

struct Isa : Plain<Isa> {
    static uint32_t count_bits(uint32_t bits) { return static_cast<uint32_t>(__builtin_popcount(bits)); }

    template <class Cell>
    static bool find(const Thresholds<Cell>& thresholds, const Finder<Cell>& finder, const Cell* cells, int64_t n,
                     uint16_t* codes) {
        if constexpr (sizeof(Cell) == 8) {
            return Plain<Isa>::find(thresholds, finder, cells, n, codes);
        } else {
            return find_floats(thresholds, finder, cells, n, codes);
        }
    }

    // Blocks are multiples of 32 rows, so that whole vectors lie in the scratch space.
    static bool find_floats(const Thresholds<float>& thresholds, const Finder<float>& finder, const float* cells,
                            int64_t n, uint16_t* codes) {
        constexpr int64_t LANES = 8, TOGETHER = 4;
        const int* start = reinterpret_cast<const int*>(thresholds.start.data() + finder.start);
        const float* sorted = thresholds.sorted.data() + finder.threshold;
        const __m256i least = _mm256_set1_epi32(finder.least), most = _mm256_set1_epi32(finder.most);
        const __m128i shift = _mm_cvtsi32_si128(finder.shift);
        unsigned nans = 0;
        for (int64_t first = 0; first < n; first += LANES * TOGETHER) {
            __m256 cell[TOGETHER];
            __m256i at[TOGETHER];
            for (int i = 0; i < TOGETHER; ++i) {
                cell[i] = _mm256_loadu_ps(cells + first + i * LANES);
                const __m256i bits = _mm256_castps_si256(_mm256_add_ps(cell[i], _mm256_setzero_ps()));
                __m256i key = _mm256_xor_si256(bits, _mm256_srli_epi32(_mm256_srai_epi32(bits, 31), 1));
                key = _mm256_min_epi32(_mm256_max_epi32(key, least), most);
                key = _mm256_srl_epi32(_mm256_sub_epi32(key, least), shift);
                at[i] = _mm256_and_si256(_mm256_i32gather_epi32(start, key, 2), _mm256_set1_epi32(0xFFFF));
            }
            for (int step = finder.steps; step-- > 0;) {
                const __m256i half = _mm256_set1_epi32(1 << step), probe = _mm256_set1_epi32((1 << step) - 1);
                for (int i = 0; i < TOGETHER; ++i) {
                    const __m256 threshold = _mm256_i32gather_ps(sorted, _mm256_add_epi32(at[i], probe), 4);
                    const __m256i below = _mm256_castps_si256(_mm256_cmp_ps(threshold, cell[i], _CMP_LT_OQ));
                    at[i] = _mm256_add_epi32(at[i], _mm256_and_si256(below, half));
                }
            }
            for (int i = 0; i < TOGETHER; ++i) {
                const __m256 nan = _mm256_cmp_ps(cell[i], cell[i], _CMP_UNORD_Q);
                const __m256i above = _mm256_add_epi32(at[i], _mm256_set1_epi32(1));
                const __m256i code = _mm256_or_si256(above, _mm256_castps_si256(nan));
                const __m256i low = _mm256_and_si256(code, _mm256_set1_epi32(0xFFFF));
                const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
                _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + first + i * LANES), packed);
                const int64_t left = n - first - i * LANES;
                const unsigned found = static_cast<unsigned>(_mm256_movemask_ps(nan));
                if (left > 0) nans |= found & (left < 8 ? (1u << left) - 1 : 255u);
            }
        }
        return nans != 0;
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_on<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::deep::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::deep::avx2 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::deep::avx2

#endif
