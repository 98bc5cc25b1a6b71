// The bit-sliced forest on AVX-512 (F, BW, DQ, VL, VBMI, GFNI: Ice Lake, Zen 4 and later).
//
// Only functions below the pragma are compiled for AVX-512: what the standard headers define stays at the baseline,
// so that a copy the linker keeps of it runs anywhere.
#include "perfcore/bitslice/bitslice.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <array>
#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,gfni"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,gfni")
#endif

#include "perfcore/bitslice/block.hpp"

namespace perfcore::bitslice::avx512 {
namespace {

// The first BYTES of a register's 64, when it comes from memory or goes there.
template <int BYTES>
inline __m512i load_bits(const char* at) {
    if constexpr (BYTES == 16) return _mm512_castsi128_si512(_mm_load_si128(reinterpret_cast<const __m128i*>(at)));
    if constexpr (BYTES == 32) return _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(at)));
    if constexpr (BYTES == 64) return _mm512_load_si512(at);
}

template <int BYTES>
inline void store_bits(void* at, __m512i bits) {
    if constexpr (BYTES == 16) _mm_store_si128(static_cast<__m128i*>(at), _mm512_castsi512_si128(bits));
    if constexpr (BYTES == 32) _mm256_store_si256(static_cast<__m256i*>(at), _mm512_castsi512_si256(bits));
    if constexpr (BYTES == 64) _mm512_store_si512(at, bits);
}

template <int BYTES>
struct Plane {
    __m512i bits;

    static Plane load(const char* at) { return {load_bits<BYTES>(at)}; }
    static void store(char* at, const Plane& p) { store_bits<BYTES>(at, p.bits); }
    static Plane zeros() { return {_mm512_setzero_si512()}; }
    static Plane ones() { return {_mm512_set1_epi64(-1)}; }
    static Plane both(const Plane& a, const Plane& b) { return {_mm512_and_si512(a.bits, b.bits)}; }
    static Plane either(const Plane& a, const Plane& b) { return {_mm512_or_si512(a.bits, b.bits)}; }
    static Plane andnot(const Plane& a, const Plane& b) { return {_mm512_andnot_si512(a.bits, b.bits)}; }
    static Plane or_and(const Plane& a, const Plane& b, const Plane& c) {
        return {_mm512_ternarylogic_epi64(a.bits, b.bits, c.bits, 0xF8)};
    }
    static Plane select(const Plane& mask, const Plane& a, const Plane& b) {
        return {_mm512_ternarylogic_epi64(mask.bits, a.bits, b.bits, 0xCA)};
    }
};

// Sixteen cells of one feature. `cell` is what the float search compares; where the forest compares doubles, it is
// rounded down, and `low`, `high` keep the doubles themselves.
struct Cells {
    __m512 cell;
    __m512d low, high;
};

enum class Input { floats, doubles_rounded, doubles };

template <Input input>
using Number = std::conditional_t<input == Input::floats, float, double>;

// 64 rows of a table, a column at a time: tile column c at tile[64 * c], rows past the last repeating it.
//
// Rows that lie together are transposed in registers. A broadcast load puts a row's piece of 16 bytes into the lane
// where its cells belong, so that only the exchange within lanes is left to the shuffle port.
inline __m512d low_pairs(__m512 a, __m512 b) { return _mm512_castps_pd(_mm512_unpacklo_ps(a, b)); }
inline __m512d high_pairs(__m512 a, __m512 b) { return _mm512_castps_pd(_mm512_unpackhi_ps(a, b)); }

inline void transpose(const char* const row[16], float* to) {  // 4 columns of 16 rows
    __m512 r[4];
    for (int i = 0; i < 4; ++i) {
        const auto piece = [&](int lane) { return _mm_loadu_ps(reinterpret_cast<const float*>(row[4 * lane + i])); };
        r[i] = _mm512_broadcast_f32x4(piece(0));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x00F0, piece(1));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0x0F00, piece(2));
        r[i] = _mm512_mask_broadcast_f32x4(r[i], 0xF000, piece(3));
    }
    const __m512d a = low_pairs(r[0], r[1]), b = low_pairs(r[2], r[3]);
    const __m512d c = high_pairs(r[0], r[1]), d = high_pairs(r[2], r[3]);
    _mm512_store_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)));
    _mm512_store_ps(to + 64, _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    _mm512_store_ps(to + 128, _mm512_castpd_ps(_mm512_unpacklo_pd(c, d)));
    _mm512_store_ps(to + 192, _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)));
}

inline void transpose(const char* const row[16], double* to) {  // 2 columns of 16 rows
    for (int half = 0; half < 2; ++half, row += 8, to += 8) {
        __m512d r[2];
        for (int i = 0; i < 2; ++i) {
            const auto piece = [&](int lane) { return _mm_loadu_pd(reinterpret_cast<const double*>(row[2 * lane + i])); };
            r[i] = _mm512_broadcast_f64x2(piece(0));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0x0C, piece(1));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0x30, piece(2));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0xC0, piece(3));
        }
        _mm512_store_pd(to, _mm512_unpacklo_pd(r[0], r[1]));
        _mm512_store_pd(to + 64, _mm512_unpackhi_pd(r[0], r[1]));
    }
}

template <class Real>
void fill_tile(const Plan& plan, const Table& x, int64_t row, int64_t n, Real* tile) {
    constexpr int64_t SIZE = sizeof(Real), TOGETHER = 16 / SIZE;
    const char* row_at[64];
    for (int64_t i = 0; i < 64; ++i) row_at[i] = x.data + (row + (i < n ? i : n - 1)) * x.row_stride;
    for (const int32_t first : plan.tile_groups) {
        if (x.column_stride == SIZE && first + 4 <= plan.n_features) {
            for (int64_t c = 0; c < 4; c += TOGETHER)
                for (int group = 0; group < 64; group += 16) {
                    const char* piece[16];
                    for (int i = 0; i < 16; ++i) piece[i] = row_at[group + i] + (first + c) * SIZE;
                    transpose(piece, tile + 64 * c + group);
                }
        } else {
            for (int64_t c = 0; c < 4 && first + c < plan.n_features; ++c)
                for (int i = 0; i < 64; ++i)
                    std::memcpy(tile + 64 * c + i, row_at[i] + (first + c) * x.column_stride, sizeof(Real));
        }
        tile += 4 * 64;
    }
}

template <Input input>
inline Cells load(const Number<input>* tile) {
    Cells c;
    if constexpr (input == Input::floats) {
        c.cell = _mm512_loadu_ps(tile);
        c.low = c.high = _mm512_setzero_pd();
    } else {
        c.low = _mm512_loadu_pd(tile);
        c.high = _mm512_loadu_pd(tile + 8);
        constexpr int ROUND = (input == Input::doubles ? _MM_FROUND_TO_NEG_INF : _MM_FROUND_TO_NEAREST_INT) |
                              _MM_FROUND_NO_EXC;
        c.cell = _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvt_roundpd_ps(c.low, ROUND)),
                                    _mm512_cvt_roundpd_ps(c.high, ROUND), 1);
    }
    return c;
}

inline __mmask16 equal_to(const Cells& c, double value, bool as_doubles) {
    if (!as_doubles) return _mm512_cmp_ps_mask(c.cell, _mm512_set1_ps(static_cast<float>(value)), _CMP_EQ_OQ);
    const __m512d v = _mm512_set1_pd(value);
    return static_cast<__mmask16>(_mm512_cmp_pd_mask(c.low, v, _CMP_EQ_OQ) |
                                  (_mm512_cmp_pd_mask(c.high, v, _CMP_EQ_OQ) << 8));
}

inline __mmask16 within(const Cells& c, double bound, bool as_doubles) {
    if (!as_doubles)
        return _mm512_cmp_ps_mask(_mm512_abs_ps(c.cell), _mm512_set1_ps(floor_float(bound)), _CMP_LE_OQ);
    const __m512d b = _mm512_set1_pd(bound);
    return static_cast<__mmask16>(_mm512_cmp_pd_mask(_mm512_abs_pd(c.low), b, _CMP_LE_OQ) |
                                  (_mm512_cmp_pd_mask(_mm512_abs_pd(c.high), b, _CMP_LE_OQ) << 8));
}

// One of 64 pivots, by the low six bits; `upper` is the sixth.
inline __m512 pick(const __m512 pivot[4], __m512i at, __mmask16 upper) {
    return _mm512_mask_blend_ps(upper, _mm512_permutex2var_ps(pivot[0], at, pivot[1]),
                                _mm512_permutex2var_ps(pivot[2], at, pivot[3]));
}

// "Not <=": NaN goes right everywhere and so ends above every threshold.
inline __mmask16 goes_right(__m512 cell, __m512 pivot) { return _mm512_cmp_ps_mask(cell, pivot, _CMP_NLE_UQ); }

inline __m512i child(__m512i at, __mmask16 right) {
    at = _mm512_add_epi32(at, at);
    return _mm512_mask_add_epi32(at, right, at, _mm512_set1_epi32(1));
}

// Four vectors descend together, so that a level's pivots are loaded once and no descent waits for another. The upper
// eight levels are permutes of tables in registers; deeper ones are gathered.
template <int LEVELS>
inline void search(const float* heap, int levels, const __m512 cell[4], __m512i code[4]) {
    const auto pivots = [&](int i) { return _mm512_loadu_ps(heap + 16 * i); };
    __mmask16 first[4], second[4];  // turns that choose among registers further down
    __m512i at[4];
    const __m512 to_16 = pivots(0);
    for (int m = 0; m < 4; ++m) {
        first[m] = goes_right(cell[m], _mm512_permutexvar_ps(_mm512_set1_epi32(1), to_16));
        at[m] = child(_mm512_set1_epi32(1), first[m]);
    }
    if constexpr (LEVELS > 1)
        for (int m = 0; m < 4; ++m) {
            second[m] = goes_right(cell[m], _mm512_permutexvar_ps(at[m], to_16));
            at[m] = child(at[m], second[m]);
        }
    for (int level = 2; level < (LEVELS < 4 ? LEVELS : 4); ++level)
        for (int m = 0; m < 4; ++m) at[m] = child(at[m], goes_right(cell[m], _mm512_permutexvar_ps(at[m], to_16)));
    if constexpr (LEVELS > 4) {
        const __m512 to_32 = pivots(1);
        for (int m = 0; m < 4; ++m) at[m] = child(at[m], goes_right(cell[m], _mm512_permutexvar_ps(at[m], to_32)));
    }
    if constexpr (LEVELS > 5) {
        const __m512 low = pivots(2), high = pivots(3);
        for (int m = 0; m < 4; ++m)
            at[m] = child(at[m], goes_right(cell[m], _mm512_permutex2var_ps(low, at[m], high)));
    }
    if constexpr (LEVELS > 6) {
        const __m512 to_128[4] = {pivots(4), pivots(5), pivots(6), pivots(7)};
        for (int m = 0; m < 4; ++m) at[m] = child(at[m], goes_right(cell[m], pick(to_128, at[m], first[m])));
    }
    if constexpr (LEVELS > 7) {
        const __m512 lower[4] = {pivots(8), pivots(9), pivots(10), pivots(11)};
        const __m512 upper[4] = {pivots(12), pivots(13), pivots(14), pivots(15)};
        for (int m = 0; m < 4; ++m)
            at[m] = child(at[m], goes_right(cell[m], _mm512_mask_blend_ps(first[m], pick(lower, at[m], second[m]),
                                                                          pick(upper, at[m], second[m]))));
        for (int level = 8; level < levels; ++level)
            for (int m = 0; m < 4; ++m)
                at[m] = child(at[m], goes_right(cell[m], _mm512_i32gather_ps(at[m], heap, 4)));
    }
    for (int m = 0; m < 4; ++m) code[m] = _mm512_sub_epi32(at[m], _mm512_set1_epi32(1 << levels));
}

inline void search(const float* heap, int levels, const __m512 cell[4], __m512i code[4]) {
    switch (levels) {
        case 1: return search<1>(heap, 1, cell, code);
        case 2: return search<2>(heap, 2, cell, code);
        case 3: return search<3>(heap, 3, cell, code);
        case 4: return search<4>(heap, 4, cell, code);
        case 5: return search<5>(heap, 5, cell, code);
        case 6: return search<6>(heap, 6, cell, code);
        case 7: return search<7>(heap, 7, cell, code);
        default: return search<8>(heap, levels, cell, code);
    }
}

// A double that a float cannot hold was rounded down: where it lies in the gap of thresholds that round to the same
// float, the thresholds themselves decide.
inline __m512i mend(const Plan& plan, const NumericFeature& f, const Cells& c, __m512i code) {
    const __m256 low = _mm512_castps512_ps256(c.cell), high = _mm512_extractf32x8_ps(c.cell, 1);
    const __mmask16 inexact = static_cast<__mmask16>(
        _mm512_cmp_pd_mask(c.low, _mm512_cvtps_pd(low), _CMP_GT_OQ) |
        (_mm512_cmp_pd_mask(c.high, _mm512_cvtps_pd(high), _CMP_GT_OQ) << 8));
    if (inexact == 0) return code;
    // The sorted thresholds are padded to a power of two, so code (at most 2^levels - 1) is a place in them.
    const __m512 next = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inexact, code, plan.floors.data() + f.sorted, 4);
    __mmask16 doubtful = _mm512_mask_cmp_ps_mask(inexact, next, c.cell, _CMP_EQ_OQ);
    if (doubtful == 0) return code;
    alignas(64) int32_t codes[16];
    alignas(64) double cells[16];
    _mm512_store_si512(codes, code);
    _mm512_store_pd(cells, c.low);
    _mm512_store_pd(cells + 8, c.high);
    const double* exact = plan.exact.data() + f.sorted;
    for (; doubtful; doubtful &= doubtful - 1) {
        const int i = __builtin_ctz(doubtful);
        while (codes[i] < f.n_thresholds && exact[codes[i]] < cells[i]) ++codes[i];
    }
    return _mm512_load_si512(codes);
}

// Four vectors of 16 to one of 64 bytes; byte 16 l + 4 m + j is lane 4 l + j of vector m.
inline __m512i pack(const __m512i v[4], int shift) {
    const __m512i byte = _mm512_set1_epi32(255);
    const auto part = [&](int i) { return _mm512_and_si512(_mm512_srli_epi32(v[i], shift), byte); };
    return _mm512_packus_epi16(_mm512_packus_epi32(part(0), part(1)), _mm512_packus_epi32(part(2), part(3)));
}

// Planes of the low `bits` (1 to 8) of 64 bytes that hold nothing above them: the top bit is taken, the rest moves up.
inline void slice_bytes(__m512i bytes, int bits, char* to, int64_t plane_bytes) {
    bytes = _mm512_sll_epi32(bytes, _mm_cvtsi32_si128(8 - bits));
    for (to += (bits - 1) * plane_bytes; bits > 0; --bits, to -= plane_bytes) {
        const uint64_t plane = _mm512_movepi8_mask(bytes);
        std::memcpy(to, &plane, 8);
        bytes = _mm512_add_epi8(bytes, bytes);
    }
}

// The planes of 64 codes of up to 16 bits.
inline void slice_codes(const __m512i code[4], int bits, char* to, int64_t plane_bytes) {
    slice_bytes(pack(code, 0), bits < 8 ? bits : 8, to, plane_bytes);
    if (bits > 8) slice_bytes(pack(code, 8), bits - 8, to + 8 * plane_bytes, plane_bytes);
}

template <Input input>
void bin_feature(const Plan& plan, const NumericFeature& f, const Number<input>* tile, char* word) {
    const bool has_missing = input == Input::doubles ? plan.missing == plan.missing : plan.missing_is_float;
    Cells c[4];
    __m512 cell[4];
    __m512i code[4];
    for (int m = 0; m < 4; ++m) {
        c[m] = load<input>(tile + 16 * m);
        if (has_missing)
            c[m].cell = _mm512_mask_blend_ps(equal_to(c[m], plan.missing, input == Input::doubles), c[m].cell,
                                             _mm512_set1_ps(std::numeric_limits<float>::quiet_NaN()));
        cell[m] = c[m].cell;
    }
    search(plan.heap32.data() + f.heap, f.levels, cell, code);
    if constexpr (input == Input::doubles)
        for (int m = 0; m < 4; ++m) code[m] = mend(plan, f, c[m], code[m]);
    slice_codes(code, f.levels, word + f.code_plane * plan.plane_bytes, plan.plane_bytes);
    if (!f.needs_nan && !f.needs_zero) return;
    const auto put = [&](const __mmask16 mask[4], int64_t plane) {
        uint64_t bits = 0;
        if (_mm512_kortestz(_mm512_kor(mask[0], mask[1]), _mm512_kor(mask[2], mask[3])) == 0) {
            __m512i bytes[4];
            for (int m = 0; m < 4; ++m) bytes[m] = _mm512_maskz_set1_epi32(mask[m], 128);
            bits = _mm512_movepi8_mask(pack(bytes, 0));
        }
        std::memcpy(word + plane * plan.plane_bytes, &bits, 8);
    };
    __mmask16 nan[4], zero[4];
    for (int m = 0; m < 4; ++m) nan[m] = _mm512_cmp_ps_mask(cell[m], cell[m], _CMP_UNORD_Q);
    put(nan, f.code_plane + f.levels);
    if (!f.needs_zero) return;
    for (int m = 0; m < 4; ++m) zero[m] = within(c[m], plan.zero_bound, input == Input::doubles);
    put(zero, f.code_plane + f.levels + 1);
}

template <Input input>
void bin_all(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes, char* tile) {
    Number<input>* cells = reinterpret_cast<Number<input>*>(tile);
    for (int64_t first = 0; first < n; first += 64) {
        fill_tile(plan, x, row + first, n - first, cells);
        for (const NumericFeature& f : plan.numeric)
            bin_feature<input>(plan, f, cells + 64 * f.tile_column, codes + first / 8);
    }
}

// Sums of 64 rows stay in registers over all trees of a chunk. Ids lie four to a 32-bit lane: a look-up ignores the
// bits above its own, so a shift is all it takes to bring each of the four down.
//
// Doubles up to 32 (64) leaves: low and high halves are looked up apart and interleaved, which leaves lanes
// 0 1 4 5 8 9 12 13 in the first vector and 2 3 6 7 10 11 14 15 in the second.
template <int BITS>
inline __m512i look_up(const int32_t* table, __m512i id) {
    const auto part = [&](int i) { return _mm512_loadu_si512(table + 16 * i); };
    if constexpr (BITS <= 4) {
        return _mm512_permutexvar_epi32(id, part(0));
    } else if constexpr (BITS == 5) {
        return _mm512_permutex2var_epi32(part(0), id, part(1));
    } else {
        static_assert(BITS == 6);
        const __mmask16 upper = _mm512_test_epi32_mask(id, _mm512_set1_epi32(32));
        return _mm512_mask_blend_epi32(upper, _mm512_permutex2var_epi32(part(0), id, part(1)),
                                       _mm512_permutex2var_epi32(part(2), id, part(3)));
    }
}

template <int BITS>
void add_doubles(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, double* sums) {
    for (int64_t first = 0; first < rows; first += 64) {
        __m512d sum[8];
        for (int i = 0; i < 8; ++i) sum[i] = _mm512_load_pd(sums + first + 8 * i);
        const int32_t* table = reinterpret_cast<const int32_t*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += 2 << BITS) {
            const __m512i id = _mm512_load_si512(ids + t * 2 * rows + first);
            for (int k = 0; k < 4; ++k) {
                const __m512i at = _mm512_srli_epi32(id, 8 * k);
                const __m512i low = look_up<BITS>(table, at), high = look_up<BITS>(table + (1 << BITS), at);
                sum[2 * k] = _mm512_add_pd(sum[2 * k], _mm512_castsi512_pd(_mm512_unpacklo_epi32(low, high)));
                sum[2 * k + 1] = _mm512_add_pd(sum[2 * k + 1], _mm512_castsi512_pd(_mm512_unpackhi_epi32(low, high)));
            }
        }
        for (int i = 0; i < 8; ++i) _mm512_store_pd(sums + first + 8 * i, sum[i]);
    }
}

template <int BITS>
void add_floats(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, float* sums) {
    for (int64_t first = 0; first < rows; first += 64) {
        __m512 sum[4];
        for (int i = 0; i < 4; ++i) sum[i] = _mm512_load_ps(sums + first + 16 * i);
        const int32_t* table = reinterpret_cast<const int32_t*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += 1 << BITS) {
            const __m512i id = _mm512_load_si512(ids + t * 2 * rows + first);
            for (int k = 0; k < 4; ++k)
                sum[k] = _mm512_add_ps(sum[k],
                                       _mm512_castsi512_ps(look_up<BITS>(table, _mm512_srli_epi32(id, 8 * k))));
        }
        for (int i = 0; i < 4; ++i) _mm512_store_ps(sums + first + 16 * i, sum[i]);
    }
}

// Larger tables are gathered from; the lanes take the order that the look-ups above leave.
template <class Real>
void add_gathered(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
    const __m512i byte = _mm512_set1_epi32(255);
    const __m512i unpacked = _mm512_set_epi32(15, 14, 11, 10, 7, 6, 3, 2, 13, 12, 9, 8, 5, 4, 1, 0);
    for (int64_t first = 0; first < rows; first += 64) {
        const Real* table = reinterpret_cast<const Real*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += int64_t{1} << id_bits) {
            const uint8_t* id = ids + t * 2 * rows + first;
            const __m512i low = _mm512_load_si512(id);
            const __m512i high = id_bits > 8 ? _mm512_load_si512(id + rows) : _mm512_setzero_si512();
            for (int k = 0; k < 4; ++k) {
                __m512i at = _mm512_or_si512(
                    _mm512_and_si512(_mm512_srli_epi32(low, 8 * k), byte),
                    _mm512_slli_epi32(_mm512_and_si512(_mm512_srli_epi32(high, 8 * k), byte), 8));
                if constexpr (sizeof(Real) == 4) {
                    float* to = sums + first + 16 * k;
                    _mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), _mm512_i32gather_ps(at, table, 4)));
                } else {
                    double* to = sums + first + 16 * k;
                    at = _mm512_permutexvar_epi32(unpacked, at);
                    const __m256i a = _mm512_castsi512_si256(at), b = _mm512_extracti32x8_epi32(at, 1);
                    _mm512_store_pd(to, _mm512_add_pd(_mm512_load_pd(to), _mm512_i32gather_pd(a, table, 8)));
                    _mm512_store_pd(to + 8, _mm512_add_pd(_mm512_load_pd(to + 8), _mm512_i32gather_pd(b, table, 8)));
                }
            }
        }
    }
}

struct Isa {
    template <int BYTES>
    using Plane = avx512::Plane<BYTES>;
    static constexpr int NARROWEST = 16;

    static void slice(const int32_t codes[64], int bits, char* to, int64_t plane_bytes) {
        __m512i code[4];
        for (int m = 0; m < 4; ++m) code[m] = _mm512_load_si512(codes + 16 * m);
        slice_codes(code, bits, to, plane_bytes);
    }

    static constexpr uint64_t position_of(int row) {  // the byte of pack() that holds this row of 64
        const int m = row / 16, l = row % 16 / 4, j = row % 4;
        return static_cast<uint64_t>(16 * l + 4 * m + j);
    }

    static void bin(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes, char* tile) {
        if (x.is_float) {
            bin_all<Input::floats>(plan, x, row, n, codes, tile);
        } else if (plan.rounds_to_float) {
            bin_all<Input::doubles_rounded>(plan, x, row, n, codes, tile);
        } else {
            bin_all<Input::doubles>(plan, x, row, n, codes, tile);
        }
    }

    // Byte g of eight planes holds the bits of rows 8g..8g+7: interleave the planes' bytes, then turn every 8 x 8 bits.
    template <int BYTES>
    static void ids_of_byte(const __m512i plane[8], uint8_t* out) {
        const __m512i unit = _mm512_set1_epi64(static_cast<int64_t>(0x8040201008040201ull));
        __m512i two[8], four[8], eight[8];
        for (int i = 0; i < 4; ++i) {  // the transpose counts planes from the top
            two[2 * i] = _mm512_unpacklo_epi8(plane[7 - 2 * i], plane[6 - 2 * i]);
            two[2 * i + 1] = _mm512_unpackhi_epi8(plane[7 - 2 * i], plane[6 - 2 * i]);
        }
        for (int i = 0; i < 2; ++i)
            for (int h = 0; h < 2; ++h) {
                four[4 * i + 2 * h] = _mm512_unpacklo_epi16(two[4 * i + h], two[4 * i + 2 + h]);
                four[4 * i + 2 * h + 1] = _mm512_unpackhi_epi16(two[4 * i + h], two[4 * i + 2 + h]);
            }
        for (int q = 0; q < 4; ++q) {
            eight[2 * q] = _mm512_unpacklo_epi32(four[q], four[4 + q]);
            eight[2 * q + 1] = _mm512_unpackhi_epi32(four[q], four[4 + q]);
        }
        for (int v = 0; v < 8; ++v)
            store_bits<BYTES>(out + BYTES * v, _mm512_gf2p8affine_epi64_epi8(unit, eight[v], 0));
    }

    template <int BYTES>
    static void ids(const char* base, const TreeIds& tree, int id_bits, uint8_t* out, int64_t high_offset) {
        __m512i plane[8];
        for (int b = 0; b < 8; ++b)
            plane[b] = b < tree.bits ? load_bits<BYTES>(base + tree.plane[b]) : _mm512_setzero_si512();
        ids_of_byte<BYTES>(plane, out);
        if (id_bits <= 8) return;
        for (int b = 0; b < 8; ++b)
            plane[b] = b + 8 < tree.bits ? load_bits<BYTES>(base + tree.plane[b + 8]) : _mm512_setzero_si512();
        ids_of_byte<BYTES>(plane, out + high_offset);
    }

    template <class Real>
    static void add(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
        if constexpr (sizeof(Real) == 4) {
            if (id_bits == 4) return add_floats<4>(ids, n_trees, rows, tables, sums);
            if (id_bits == 5) return add_floats<5>(ids, n_trees, rows, tables, sums);
            if (id_bits == 6) return add_floats<6>(ids, n_trees, rows, tables, sums);
        } else {
            if (id_bits == 4) return add_doubles<4>(ids, n_trees, rows, tables, sums);
            if (id_bits == 5) return add_doubles<5>(ids, n_trees, rows, tables, sums);
            if (id_bits == 6) return add_doubles<6>(ids, n_trees, rows, tables, sums);
        }
        add_gathered<Real>(ids, n_trees, rows, tables, id_bits, sums);
    }

    // Where the sums of each row lie, following the steps above.
    template <int BYTES, class Real>
    static const uint16_t* row_of() {
        static constexpr auto TABLE = [] {
            std::array<uint16_t, 8 * BYTES> t{};
            uint16_t row_at[64] = {};
            for (int row = 0; row < 64; ++row) row_at[position_of(row)] = static_cast<uint16_t>(row);
            for (int at = 0; at < 8 * BYTES; ++at) {
                const int k = at % 64 / 16, i = at % 16;
                int lane = i;
                if (sizeof(Real) == 8) lane = i / 8 * 2 + i % 8 / 2 * 4 + i % 2;
                const int id = at / 64 * 64 + 4 * lane + k;  // a byte of the ids
                const int v = id / BYTES, quarter = id % BYTES / 16, bit = id % 16;
                const int plane_bit = 128 * quarter + 16 * v + bit;
                t[at] = static_cast<uint16_t>(plane_bit / 64 * 64 + row_at[plane_bit % 64]);
            }
            return t;
        }();
        return TABLE.data();
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_on<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::bitslice::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::bitslice::avx512 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::bitslice::avx512

#endif
