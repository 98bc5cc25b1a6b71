// Few rows on AVX-512 (F, BW, DQ, VL, VBMI: Ice Lake, Zen 4 and later).
//
// Only functions below the pragma are compiled for AVX-512: what the standard headers define stays at the baseline,
// so that a copy the linker keeps of it runs anywhere.
#include "perfcore/lanes/lanes.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi2,popcnt")
#endif

#include "perfcore/lanes/predict.hpp"
#include "perfcore/lanes/scalar.hpp"

namespace perfcore::lanes::avx512 {
namespace {

struct Isa {
    static constexpr int LANES = SET_LANES;
    using NarrowCode = uint8_t;

    static int32_t above(const float* pivots, float x) {
        return _mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_load_ps(pivots), _CMP_NLE_UQ));
    }
    static int32_t above(const double* pivots, double x) {
        const __m512d v = _mm512_set1_pd(x);
        return _mm_popcnt_u32(_mm512_cmp_pd_mask(v, _mm512_load_pd(pivots), _CMP_NLE_UQ)) +
               _mm_popcnt_u32(_mm512_cmp_pd_mask(v, _mm512_load_pd(pivots + 8), _CMP_NLE_UQ));
    }

    // Codes of all columns, then 255 - code of all columns.
    template <int ROWS>
    struct Tables {
        __m512i part[ROWS][4];

        Tables(const Plan& p, const uint8_t* codes) {
            for (int r = 0; r < ROWS; ++r, codes += p.code_bytes()) {
                const __m512i first = _mm512_loadu_si512(codes), second = _mm512_loadu_si512(codes + 64);
                const __m512i ones = _mm512_set1_epi8(-1);
                if (p.half == 32) {
                    part[r][0] = _mm512_inserti64x4(first, _mm512_castsi512_si256(_mm512_xor_si512(first, ones)), 1);
                } else if (p.half == 64) {
                    part[r][0] = first;
                    part[r][1] = _mm512_xor_si512(first, ones);
                } else {
                    part[r][0] = first;
                    part[r][1] = second;
                    part[r][2] = _mm512_xor_si512(first, ones);
                    part[r][3] = _mm512_xor_si512(second, ones);
                }
            }
        }
    };

    template <int HALF>
    static __m512i pick(const __m512i part[4], __m512i column) {
        if constexpr (HALF == 32) {
            return _mm512_permutexvar_epi8(column, part[0]);
        } else if constexpr (HALF == 64) {
            return _mm512_permutex2var_epi8(part[0], column, part[1]);
        } else {
            const __m512i own = _mm512_permutex2var_epi8(part[0], column, part[1]);
            const __m512i mirrored = _mm512_permutex2var_epi8(part[2], column, part[3]);
            return _mm512_mask_blend_epi8(_mm512_movepi8_mask(column), own, mirrored);
        }
    }

    template <int ROWS>
    static void sets(const Plan& p, const Group& group, const Tables<ROWS>& tables, uint8_t* ids) {
        if (p.half == 32) {
            sets_of<ROWS, 32>(p, group, tables, ids);
        } else if (p.half == 64) {
            sets_of<ROWS, 64>(p, group, tables, ids);
        } else {
            sets_of<ROWS, 128>(p, group, tables, ids);
        }
    }

    // The leaves that one step takes out of each lane's set.
    template <int HALF>
    static __m512i taken(const __m512i part[4], const uint8_t* step) {
        const __m512i code = pick<HALF>(part, _mm512_load_si512(step));
        return _mm512_maskz_loadu_epi8(_mm512_cmpgt_epu8_mask(code, _mm512_load_si512(step + 64)), step + 128);
    }

    template <int ROWS, int HALF>
    static void sets_of(const Plan& p, const Group& group, const Tables<ROWS>& tables, uint8_t* ids) {
        const uint8_t* step = p.steps.data() + group.steps;
        __m512i lowest[ROWS], before[ROWS];
        for (int32_t plane = 0; plane < p.n_planes; ++plane) {
            __m512i gone[ROWS];
            for (int r = 0; r < ROWS; ++r) gone[r] = _mm512_setzero_si512();
            for (int32_t n = group.n_steps[plane]; n > 0; n -= 2, step += 384)
                for (int r = 0; r < ROWS; ++r)
                    gone[r] = _mm512_ternarylogic_epi64(gone[r], taken<HALF>(tables.part[r], step),
                                                        taken<HALF>(tables.part[r], step + 192), 0xFE);
            for (int r = 0; r < ROWS; ++r) {
                const __m512i stay = _mm512_xor_si512(gone[r], _mm512_set1_epi8(-1));
                if (plane == 0) {
                    lowest[r] = stay;
                    before[r] = _mm512_setzero_si512();
                } else {
                    const __mmask64 none = _mm512_testn_epi8_mask(lowest[r], lowest[r]);
                    lowest[r] = _mm512_mask_mov_epi8(lowest[r], none, stay);
                    before[r] = _mm512_mask_mov_epi8(before[r], none, _mm512_set1_epi8(static_cast<char>(8 * plane)));
                }
            }
        }
        for (int r = 0; r < ROWS; ++r)
            _mm512_storeu_si512(ids + 64 * r, _mm512_add_epi8(before[r], trailing_zeros(lowest[r])));
    }

    // Of bytes that are not 0: how many zeros lie below the lowest one, from the ones of x ^ (x - 1).
    static __m512i trailing_zeros(__m512i x) {
        const __m512i below = _mm512_andnot_si512(x, _mm512_sub_epi8(x, _mm512_set1_epi8(1)));
        const __m512i low = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4));
        const __m512i nibble = _mm512_set1_epi8(15);
        return _mm512_add_epi8(
            _mm512_shuffle_epi8(low, _mm512_and_si512(below, nibble)),
            _mm512_shuffle_epi8(low, _mm512_and_si512(_mm512_srli_epi16(below, 4), nibble)));
    }

    static void narrow(const Plan& p, const uint8_t* codes, int64_t tree, uint32_t* leaves) {
        if (p.n_columns() <= 64) {
            narrow_of<1>(p, codes, tree, leaves);
        } else if (p.n_columns() <= 128) {
            narrow_of<2>(p, codes, tree, leaves);
        } else {
            narrow_of<4>(p, codes, tree, leaves);
        }
    }

    template <int TABLES>
    static void narrow_of(const Plan& p, const uint8_t* codes, int64_t tree, uint32_t* leaves) {
        const int* nodes = reinterpret_cast<const int*>(p.narrow.data());
        const __m512i first = _mm512_loadu_si512(codes), second = _mm512_loadu_si512(codes + 64);
        const __m512i byte = _mm512_set1_epi32(255), one = _mm512_set1_epi32(1);
        __m512i at[4];
        int32_t depth = 0;
        for (int i = 0; i < 8; ++i) depth = std::max(depth, p.depth[tree / 8 + i]);
        for (int i = 0; i < 4; ++i) at[i] = _mm512_loadu_si512(p.root.data() + tree + 16 * i);
        const auto down = [&](__m512i& a) {
            const __m512i node = _mm512_i32gather_epi32(a, nodes, 4);
            __m512i code;
            if constexpr (TABLES == 1) {
                code = _mm512_maskz_permutexvar_epi8(0x1111111111111111, node, first);
            } else if constexpr (TABLES == 2) {
                code = _mm512_maskz_permutex2var_epi8(0x1111111111111111, first, node, second);
            } else {
                code = _mm512_and_si512(_mm512_i32gather_epi32(_mm512_and_si512(node, byte), codes, 1), byte);
            }
            const __m512i key = _mm512_and_si512(_mm512_srli_epi32(node, 8), byte);
            a = _mm512_add_epi32(a, _mm512_srli_epi32(node, 16));
            a = _mm512_mask_add_epi32(a, _mm512_cmpgt_epi32_mask(code, key), a, one);
            return node;
        };
        for (; depth > 0; depth -= 2) {
            for (__m512i& a : at) down(a);
            __m512i nodes_met = _mm512_setzero_si512();
            for (__m512i& a : at) nodes_met = _mm512_or_si512(nodes_met, down(a));
            if (!p.even && !_mm512_test_epi32_mask(nodes_met, _mm512_set1_epi32(-65536))) break;  // all at leaves
        }
        for (int i = 0; i < 4; ++i) {
            __m512i number = _mm512_and_si512(_mm512_i32gather_epi32(at[i], nodes, 4), byte);
            if (p.numbers_aside) number = _mm512_i32gather_epi32(_mm512_add_epi32(at[i], number), nodes, 4);
            const __m512i leaf = _mm512_add_epi32(number, _mm512_loadu_si512(p.first_leaf.data() + tree + 16 * i));
            _mm512_storeu_si512(leaves + 16 * i, leaf);
        }
    }

    static void wide(const Plan& p, const WideNode* nodes, const int32_t* codes, int64_t tree, uint32_t* leaves) {
        wide_walks<Isa>(p, nodes, codes, tree, leaves);
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_all<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::lanes::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::lanes::avx512 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::lanes::avx512

#endif
