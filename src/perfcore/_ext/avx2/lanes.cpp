// Few rows on AVX2. Only functions below the pragma are compiled for it, as in ../avx512/lanes.cpp.
#include "perfcore/lanes/lanes.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi2,popcnt")
#endif

#include "perfcore/lanes/predict.hpp"
#include "perfcore/lanes/scalar.hpp"

namespace perfcore::lanes::avx2 {
namespace {

struct Isa {
    static constexpr int LANES = SET_LANES;
    using NarrowCode = uint16_t;

    static int32_t above(const float* pivots, float x) {
        const __m256 v = _mm256_set1_ps(x);
        const int low = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_load_ps(pivots), _CMP_NLE_UQ));
        const int high = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_load_ps(pivots + 8), _CMP_NLE_UQ));
        return _mm_popcnt_u32(static_cast<uint32_t>(low | (high << 8)));
    }
    static int32_t above(const double* pivots, double x) {
        const __m256d v = _mm256_set1_pd(x);
        int mask = 0;
        for (int i = 0; i < 4; ++i)
            mask |= _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_load_pd(pivots + 4 * i), _CMP_NLE_UQ)) << (4 * i);
        return _mm_popcnt_u32(static_cast<uint32_t>(mask));
    }

    // Sixteen codes each, all columns and then 255 - code of all columns; from the second on, what differs from the one
    // before: a look-up adds up the differences of all tables up to its own.
    template <int ROWS>
    struct Tables {
        __m256i part[ROWS][8];

        Tables(const Plan& p, const uint8_t* codes) {
            const int n = p.half / 16;
            for (int r = 0; r < ROWS; ++r, codes += p.code_bytes()) {
                __m128i before = _mm_setzero_si128();
                for (int i = 0; i < 2 * n; ++i) {
                    __m128i own = _mm_load_si128(reinterpret_cast<const __m128i*>(codes + 16 * (i % n)));
                    if (i >= n) own = _mm_xor_si128(own, _mm_set1_epi8(-1));
                    part[r][i] = _mm256_broadcastsi128_si256(_mm_xor_si128(own, before));
                    before = own;
                }
            }
        }
    };

    template <int ROWS>
    static void sets(const Plan& p, const Group& group, const Tables<ROWS>& tables, uint8_t* ids) {
        switch (p.half) {
            case 16: return sets_of<ROWS, 2>(p, group, tables, ids);
            case 32: return sets_of<ROWS, 4>(p, group, tables, ids);
            case 48: return sets_of<ROWS, 6>(p, group, tables, ids);
            default: return sets_of<ROWS, 8>(p, group, tables, ids);
        }
    }

    template <int ROWS, int TABLES>
    static void sets_of(const Plan& p, const Group& group, const Tables<ROWS>& tables, uint8_t* ids) {
        const __m256i* step = reinterpret_cast<const __m256i*>(p.steps.data() + group.steps);
        const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(-1);
        __m256i lowest[ROWS], before[ROWS];
        for (int r = 0; r < ROWS; ++r) lowest[r] = before[r] = zero;
        for (int32_t plane = 0; plane < p.n_planes; ++plane) {
            __m256i gone[ROWS];
            for (int r = 0; r < ROWS; ++r) gone[r] = zero;
            for (int32_t n = group.n_steps[plane]; n > 0; --n, step += 3) {
                const __m256i column = _mm256_load_si256(step), key = _mm256_load_si256(step + 1);
                const __m256i leaves = _mm256_load_si256(step + 2);
                __m256i code[ROWS];
                for (int r = 0; r < ROWS; ++r) code[r] = _mm256_shuffle_epi8(tables.part[r][0], column);
                for (int i = 1; i < TABLES; ++i) {  // a column of an earlier table wraps below 0 and finds nothing
                    const __m256i place = _mm256_sub_epi8(column, _mm256_set1_epi8(static_cast<char>(16 * i)));
                    for (int r = 0; r < ROWS; ++r)
                        code[r] = _mm256_xor_si256(code[r], _mm256_shuffle_epi8(tables.part[r][i], place));
                }
                for (int r = 0; r < ROWS; ++r) {
                    const __m256i left = _mm256_cmpeq_epi8(_mm256_max_epu8(code[r], key), key);
                    gone[r] = _mm256_or_si256(gone[r], _mm256_andnot_si256(left, leaves));
                }
            }
            for (int r = 0; r < ROWS; ++r) {
                const __m256i none = _mm256_cmpeq_epi8(lowest[r], zero);
                lowest[r] = _mm256_or_si256(lowest[r], _mm256_andnot_si256(gone[r], none));
                before[r] = _mm256_blendv_epi8(before[r], _mm256_set1_epi8(static_cast<char>(8 * plane)), none);
            }
        }
        for (int r = 0; r < ROWS; ++r) {
            const __m256i id = _mm256_add_epi8(before[r], trailing_zeros(lowest[r], ones));
            _mm256_store_si256(reinterpret_cast<__m256i*>(ids + 32 * r), id);
        }
    }

    // Of bytes that are not 0: how many zeros lie below the lowest one.
    static __m256i trailing_zeros(__m256i x, __m256i ones) {
        const __m256i below = _mm256_andnot_si256(x, _mm256_add_epi8(x, ones)), nibble = _mm256_set1_epi8(15);
        const __m256i count =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4));
        return _mm256_add_epi8(_mm256_shuffle_epi8(count, _mm256_and_si256(below, nibble)),
                               _mm256_shuffle_epi8(count, _mm256_and_si256(_mm256_srli_epi16(below, 4), nibble)));
    }

    static void narrow(const Plan& p, const uint16_t* codes, int64_t tree, uint32_t* leaves) {
        narrow_walks<Isa>(p, codes, tree, leaves);
    }
    static void wide(const Plan& p, const WideNode* nodes, const int32_t* codes, int64_t tree, uint32_t* leaves) {
        wide_walks<Isa>(p, nodes, codes, tree, leaves);
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_all<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::lanes::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::lanes::avx2 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::lanes::avx2

#endif
