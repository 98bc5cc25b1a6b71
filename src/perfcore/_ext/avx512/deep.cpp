// The deep forest on AVX-512: a byte permute fetches the codes that all nodes of a line ask for, one comparison answers
// them, and 16 rows at a time find their exits from the answers.
//
// Only functions below the pragma are compiled for AVX-512: what the standard headers define stays at the baseline,
// so that a copy the linker keeps of it runs anywhere.
#include "perfcore/deep/deep.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(                                                                           \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vpopcntdq,gfni,popcnt"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vpopcntdq,gfni,popcnt")
#endif

#include "perfcore/deep/block.hpp"

namespace perfcore::deep::avx512 {
namespace {

// A search, in lanes of 32 bits for floats and of 64 bits for doubles.
struct Floats {
    static constexpr int64_t LANES = 16;
    using Cells = __m512;
    using Keys = __m512i;
    using Mask = __mmask16;

    const Thresholds<float>& thresholds;
    const Finder<float>& finder;

    static Cells load(const float* at) { return _mm512_loadu_ps(at); }
    static Mask is_nan(Cells x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q); }

    Keys start(Cells x) const {
        const Keys bits = _mm512_castps_si512(_mm512_add_ps(x, _mm512_setzero_ps()));
        Keys key = _mm512_xor_si512(bits, _mm512_srli_epi32(_mm512_srai_epi32(bits, 31), 1));
        key = _mm512_max_epi32(key, _mm512_set1_epi32(finder.least));
        key = _mm512_min_epi32(key, _mm512_set1_epi32(finder.most));
        key = _mm512_sub_epi32(key, _mm512_set1_epi32(finder.least));
        key = _mm512_srl_epi32(key, _mm_cvtsi32_si128(finder.shift));
        const Keys pair = _mm512_i32gather_epi32(key, thresholds.start.data() + finder.start, 2);
        return _mm512_and_si512(pair, _mm512_set1_epi32(0xFFFF));
    }

    Keys step(Keys at, Cells x, int step) const {
        const Keys half = _mm512_set1_epi32(1 << step);
        const Keys probe = _mm512_add_epi32(at, _mm512_set1_epi32((1 << step) - 1));
        const Cells threshold = _mm512_i32gather_ps(probe, thresholds.sorted.data() + finder.threshold, 4);
        return _mm512_mask_add_epi32(at, _mm512_cmp_ps_mask(threshold, x, _CMP_LT_OQ), at, half);
    }

    static void store(uint16_t* to, Keys at, Mask nan) {
        const Keys code = _mm512_mask_blend_epi32(nan, _mm512_add_epi32(at, _mm512_set1_epi32(1)),
                                                  _mm512_set1_epi32(NAN_RIGHT_CODE));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(code));
    }
};

struct Doubles {
    static constexpr int64_t LANES = 8;
    using Cells = __m512d;
    using Keys = __m512i;
    using Mask = __mmask8;

    const Thresholds<double>& thresholds;
    const Finder<double>& finder;

    static Cells load(const double* at) { return _mm512_loadu_pd(at); }
    static Mask is_nan(Cells x) { return _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q); }

    Keys start(Cells x) const {
        const Keys bits = _mm512_castpd_si512(_mm512_add_pd(x, _mm512_setzero_pd()));
        Keys key = _mm512_xor_si512(bits, _mm512_srli_epi64(_mm512_srai_epi64(bits, 63), 1));
        key = _mm512_max_epi64(key, _mm512_set1_epi64(finder.least));
        key = _mm512_min_epi64(key, _mm512_set1_epi64(finder.most));
        key = _mm512_sub_epi64(key, _mm512_set1_epi64(finder.least));
        key = _mm512_srl_epi64(key, _mm_cvtsi32_si128(finder.shift));
        const __m256i pair = _mm512_i64gather_epi32(key, thresholds.start.data() + finder.start, 2);
        return _mm512_and_si512(_mm512_cvtepu32_epi64(pair), _mm512_set1_epi64(0xFFFF));
    }

    Keys step(Keys at, Cells x, int step) const {
        const Keys half = _mm512_set1_epi64(1 << step);
        const Keys probe = _mm512_add_epi64(at, _mm512_set1_epi64((1 << step) - 1));
        const Cells threshold = _mm512_i64gather_pd(probe, thresholds.sorted.data() + finder.threshold, 8);
        return _mm512_mask_add_epi64(at, _mm512_cmp_pd_mask(threshold, x, _CMP_LT_OQ), at, half);
    }

    static void store(uint16_t* to, Keys at, Mask nan) {
        const Keys code = _mm512_mask_blend_epi64(nan, _mm512_add_epi64(at, _mm512_set1_epi64(1)),
                                                  _mm512_set1_epi64(NAN_RIGHT_CODE));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi64_epi16(code));
    }
};

// Rows of dwords to columns.
inline void transpose(__m512i v[16]) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int h = 0; h < 2; ++h) {
            b[i + 2 * h] = _mm512_unpacklo_epi64(a[i + h], a[i + 2 + h]);
            b[i + 2 * h + 1] = _mm512_unpackhi_epi64(a[i + h], a[i + 2 + h]);
        }
    for (int i = 0; i < 16; i += 8)
        for (int k = 0; k < 4; ++k) {
            a[i + k] = _mm512_shuffle_i32x4(b[i + k], b[i + 4 + k], 0x88);
            a[i + 4 + k] = _mm512_shuffle_i32x4(b[i + k], b[i + 4 + k], 0xDD);
        }
    for (int k = 0; k < 8; ++k) {
        v[k] = _mm512_shuffle_i32x4(a[k], a[8 + k], 0x88);
        v[8 + k] = _mm512_shuffle_i32x4(a[k], a[8 + k], 0xDD);
    }
}

struct Isa : Plain<Isa> {
    static constexpr int64_t SLACK = 16;

    static uint32_t count_bits(uint32_t bits) { return static_cast<uint32_t>(__builtin_popcount(bits)); }

    // Blocks are multiples of 16 rows, so that whole vectors lie in the scratch space.
    template <class Cell>
    static bool find(const Thresholds<Cell>& thresholds, const Finder<Cell>& finder, const Cell* cells, int64_t n,
                     uint16_t* codes) {
        using Search = std::conditional_t<sizeof(Cell) == 4, Floats, Doubles>;
        constexpr int64_t LANES = Search::LANES, TOGETHER = 4;
        const Search search{thresholds, finder};
        unsigned nans = 0;
        for (int64_t first = 0; first < n; first += LANES * TOGETHER) {
            typename Search::Cells cell[TOGETHER];
            typename Search::Keys at[TOGETHER];
            for (int i = 0; i < TOGETHER; ++i) {
                cell[i] = Search::load(cells + first + i * LANES);
                at[i] = search.start(cell[i]);
            }
            for (int step = finder.steps; step-- > 0;)
                for (int i = 0; i < TOGETHER; ++i) at[i] = search.step(at[i], cell[i], step);
            for (int i = 0; i < TOGETHER; ++i) {
                const auto nan = Search::is_nan(cell[i]);
                Search::store(codes + first + i * LANES, at[i], nan);
                const int64_t left = n - first - i * LANES;
                if (left >= LANES) {
                    nans |= nan;
                } else if (left > 0) {
                    nans |= nan & ((1u << left) - 1);
                }
            }
        }
        return nans != 0;
    }

    static void turn(const uint16_t* from, int64_t n_columns, int64_t block_rows, int64_t n, char* to,
                     int64_t row_bytes) {
        for (int64_t group = 0; group < n_columns; group += COLUMN_GROUP)
            for (int64_t row = 0; row < n; row += 16) {
                __m512i v[16];
                for (int64_t pair = 0; pair < 16; ++pair) {
                    const int64_t c = group + 2 * pair;
                    const auto load = [&](int64_t column) {
                        if (column >= n_columns) return _mm512_setzero_si512();
                        const uint16_t* at = from + column * block_rows + row;
                        return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
                    };
                    v[pair] = _mm512_or_si512(load(c), _mm512_slli_epi32(load(c + 1), 16));
                }
                transpose(v);
                for (int64_t i = 0; i < 16; ++i) _mm512_store_si512(to + (row + i) * row_bytes + 2 * group, v[i]);
            }
    }

    static void walk(const Plan& plan, const Line* lines, const Chunk& chunk, uint32_t* exits) {
        if (plan.naming != Naming::bytes) return Plain<Isa>::walk(plan, lines, chunk, exits);
        if (plan.n_columns <= COLUMN_GROUP) {
            chunk.twin ? down<1, true>(lines, chunk, exits) : down<1, false>(lines, chunk, exits);
        } else {
            chunk.twin ? down<2, true>(lines, chunk, exits) : down<2, false>(lines, chunk, exits);
        }
    }

    // The codes that the 15 nodes of a line ask for; entry 0 is nobody's.
    template <int REGISTERS, bool TWIN>
    static __m256i codes_for(__m512i names, const char* codes, int64_t twin) {
        const auto from = [&](const char* at) {
            const __m512i low = _mm512_load_si512(at);
            if constexpr (REGISTERS == 2) return _mm512_permutex2var_epi8(low, names, _mm512_load_si512(at + 64));
            if constexpr (TWIN) return _mm512_permutex2var_epi8(low, names, _mm512_load_si512(at + twin));
            return _mm512_permutexvar_epi8(names, low);
        };
        __m512i found = from(codes);
        if constexpr (REGISTERS == 2 && TWIN)
            found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(names), found, from(codes + twin));
        return _mm512_castsi512_si256(found);
    }

    // Every row that is not at a leaf yet asks all nodes of its line, then 16 at a time their answers lead on.
    template <int REGISTERS, bool TWIN>
    static void down(const Line* lines, const Chunk& chunk, uint32_t* exits) {
        alignas(64) uint32_t inside[CHUNK_ROWS + 16], answers[CHUNK_ROWS + 16];
        for (int64_t i = 0; i < chunk.count; ++i) inside[i] = static_cast<uint32_t>(i) << ROW_SHIFT;
        for (int64_t count = chunk.count; count > 0;) {
            for (int64_t i = 0; i < count; ++i) {
                const uint32_t here = inside[i];
                const char* line = reinterpret_cast<const char*>(lines + (here >> LEVELS & 0xFFFF));
                const char* codes = chunk.codes + (here >> ROW_SHIFT) * (64 * REGISTERS);
                const __m256i names = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line + 32));
                const __m256i last = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line + 2));
                answers[i] = _mm256_cmpgt_epu16_mask(
                    codes_for<REGISTERS, TWIN>(_mm512_castsi256_si512(names), codes, chunk.twin), last);
            }
            count = lead_on(lines, count, answers, inside, exits);
        }
    }

    // Rows that come to a line stay in `inside`, rows that come to a leaf go to `exits`.
    static int64_t lead_on(const Line* lines, int64_t count, const uint32_t* answers, uint32_t* inside,
                           uint32_t*& exits) {
        const __m512i one = _mm512_set1_epi32(1);
        int64_t next = 0;
        for (int64_t i = 0; i < count; i += 16) {
            const __mmask16 some = static_cast<__mmask16>(count - i >= 16 ? 0xFFFF : (1 << (count - i)) - 1);
            const __m512i here = _mm512_load_si512(inside + i), right = _mm512_load_si512(answers + i);
            __m512i at = one;
            for (int level = 0; level < LEVELS; ++level)  // at = 2 * at + bit `at` of the answers
                at = _mm512_ternarylogic_epi32(_mm512_add_epi32(at, at), _mm512_srlv_epi32(right, at), one, 0xF8);
            const __m512i exit = _mm512_and_si512(at, _mm512_set1_epi32(15));
            const __m512i line = _mm512_and_si512(here, _mm512_set1_epi32(0xFFFF0));  // in units of four bytes
            const __m512i header = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), some, line, lines, 4);
            const __m512i mask = _mm512_srli_epi32(header, 16), bit = _mm512_sllv_epi32(one, exit);
            const __mmask16 leads_on = _mm512_test_epi32_mask(mask, bit);
            const __m512i before = _mm512_and_si512(mask, _mm512_sub_epi32(bit, one));
            const __m512i child = _mm512_add_epi32(_mm512_and_si512(header, _mm512_set1_epi32(0xFFFF)),
                                                   _mm512_popcnt_epi32(before));
            const __m512i there = _mm512_ternarylogic_epi32(here, _mm512_set1_epi32(static_cast<int>(0xFFF00000u)),
                                                            _mm512_slli_epi32(child, LEVELS), 0xEA);
            const __mmask16 ends = static_cast<__mmask16>(some & ~leads_on);
            _mm512_storeu_si512(inside + next, _mm512_maskz_compress_epi32(leads_on, there));
            _mm512_storeu_si512(exits, _mm512_maskz_compress_epi32(ends, _mm512_or_si512(here, exit)));
            next += __builtin_popcount(leads_on);
            exits += __builtin_popcount(ends);
        }
        return next;
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_on<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::deep::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::deep::avx512 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::deep::avx512

#endif
