// The bit-sliced forest on AVX2 (Haswell, Zen and later).
//
// Only functions below the pragma are compiled for AVX2: what the standard headers define stays at the baseline, so
// that a copy the linker keeps of it runs anywhere.
#include "perfcore/bitslice/bitslice.hpp"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <array>
#include <type_traits>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi2,popcnt")
#endif

#include "perfcore/bitslice/block.hpp"

namespace perfcore::bitslice::avx2 {
namespace {

// The first BYTES of a register's 32, when it comes from memory or goes there.
template <int BYTES>
inline __m256i load_bits(const void* at) {
    if constexpr (BYTES == 16) return _mm256_castsi128_si256(_mm_load_si128(static_cast<const __m128i*>(at)));
    if constexpr (BYTES == 32) return _mm256_load_si256(static_cast<const __m256i*>(at));
}

template <int BYTES>
inline void store_bits(void* at, __m256i bits) {
    if constexpr (BYTES == 16) _mm_store_si128(static_cast<__m128i*>(at), _mm256_castsi256_si128(bits));
    if constexpr (BYTES == 32) _mm256_store_si256(static_cast<__m256i*>(at), bits);
}

template <int BYTES>
struct Plane {
    static constexpr int PARTS = BYTES > 32 ? 2 : 1, PART = BYTES / PARTS;
    __m256i part[PARTS];

    static Plane load(const char* at) {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = load_bits<PART>(at + PART * i);
        return p;
    }
    static void store(char* at, const Plane& p) {
        for (int i = 0; i < PARTS; ++i) store_bits<PART>(at + PART * i, p.part[i]);
    }
    static Plane zeros() {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = _mm256_setzero_si256();
        return p;
    }
    static Plane ones() {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = _mm256_set1_epi64x(-1);
        return p;
    }
    static Plane both(const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = _mm256_and_si256(a.part[i], b.part[i]);
        return p;
    }
    static Plane either(const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = _mm256_or_si256(a.part[i], b.part[i]);
        return p;
    }
    static Plane andnot(const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < PARTS; ++i) p.part[i] = _mm256_andnot_si256(a.part[i], b.part[i]);
        return p;
    }
    static Plane or_and(const Plane& a, const Plane& b, const Plane& c) { return either(a, both(b, c)); }
    // Not by exclusive or, which is as short: here both operands may be loaded by the instructions that use them.
    static Plane select(const Plane& mask, const Plane& a, const Plane& b) {
        return either(both(mask, a), andnot(mask, b));
    }
};

enum class Input { floats, doubles_rounded, doubles };

template <Input input>
using Number = std::conditional_t<input == Input::floats, float, double>;

// Eight cells of one feature. `cell` is what the float search compares; where the forest compares doubles, it is
// rounded down, and `low`, `high` keep the doubles themselves.
struct Cells {
    __m256 cell;
    __m256d low, high;
};

// -- tile: 64 rows of a table, a column at a time: column c at tile[64 * c], rows past the last repeating it --------
//
// Rows that lie together are transposed in registers. Two rows' pieces of 16 bytes share a register, so that only the
// exchange within lanes is left to do.

inline __m256d low_pairs(__m256 a, __m256 b) { return _mm256_castps_pd(_mm256_unpacklo_ps(a, b)); }
inline __m256d high_pairs(__m256 a, __m256 b) { return _mm256_castps_pd(_mm256_unpackhi_ps(a, b)); }

inline void transpose(const char* const row[8], float* to) {  // 4 columns of 8 rows
    __m256 r[4];
    for (int i = 0; i < 4; ++i)
        r[i] = _mm256_loadu2_m128(reinterpret_cast<const float*>(row[4 + i]), reinterpret_cast<const float*>(row[i]));
    const __m256d a = low_pairs(r[0], r[1]), b = low_pairs(r[2], r[3]);
    const __m256d c = high_pairs(r[0], r[1]), d = high_pairs(r[2], r[3]);
    _mm256_storeu_ps(to, _mm256_castpd_ps(_mm256_unpacklo_pd(a, b)));
    _mm256_storeu_ps(to + 64, _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)));
    _mm256_storeu_ps(to + 128, _mm256_castpd_ps(_mm256_unpacklo_pd(c, d)));
    _mm256_storeu_ps(to + 192, _mm256_castpd_ps(_mm256_unpackhi_pd(c, d)));
}

inline void transpose(const char* const row[8], double* to) {  // 2 columns of 8 rows
    for (int half = 0; half < 2; ++half, row += 4, to += 4) {
        const auto pair = [&](int i) {
            return _mm256_loadu2_m128d(reinterpret_cast<const double*>(row[2 + i]),
                                       reinterpret_cast<const double*>(row[i]));
        };
        const __m256d a = pair(0), b = pair(1);
        _mm256_storeu_pd(to, _mm256_unpacklo_pd(a, b));
        _mm256_storeu_pd(to + 64, _mm256_unpackhi_pd(a, b));
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
                for (int group = 0; group < 64; group += 8) {
                    const char* piece[8];
                    for (int i = 0; i < 8; ++i) piece[i] = row_at[group + i] + (first + c) * SIZE;
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

// Two masks of four doubles as one of eight floats.
inline __m256 narrow(__m256d low, __m256d high) {
    const __m256 both = _mm256_shuffle_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high), 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(both), 0xD8));
}

inline __m256d low_doubles(__m256 v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
inline __m256d high_doubles(__m256 v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

template <Input input>
inline Cells load(const Number<input>* tile) {
    Cells c;
    if constexpr (input == Input::floats) {
        c.cell = _mm256_loadu_ps(tile);
        c.low = c.high = _mm256_setzero_pd();
    } else {
        c.low = _mm256_loadu_pd(tile);
        c.high = _mm256_loadu_pd(tile + 4);
        c.cell = _mm256_set_m128(_mm256_cvtpd_ps(c.high), _mm256_cvtpd_ps(c.low));
        if constexpr (input == Input::doubles) {  // rounded to nearest: where that is above, the float before
            const __m256 above = narrow(_mm256_cmp_pd(low_doubles(c.cell), c.low, _CMP_GT_OQ),
                                        _mm256_cmp_pd(high_doubles(c.cell), c.high, _CMP_GT_OQ));
            const __m256i bits = _mm256_castps_si256(c.cell);
            const __m256i down = _mm256_or_si256(_mm256_srai_epi32(bits, 31), _mm256_set1_epi32(1));  // sign: -1 or 1
            c.cell = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_and_si256(down, _mm256_castps_si256(above))));
        }
    }
    return c;
}

inline __m256 equal_to(const Cells& c, double value, bool as_doubles) {
    if (!as_doubles) return _mm256_cmp_ps(c.cell, _mm256_set1_ps(static_cast<float>(value)), _CMP_EQ_OQ);
    const __m256d v = _mm256_set1_pd(value);
    return narrow(_mm256_cmp_pd(c.low, v, _CMP_EQ_OQ), _mm256_cmp_pd(c.high, v, _CMP_EQ_OQ));
}

inline __m256 within(const Cells& c, double bound, bool as_doubles) {
    if (!as_doubles)
        return _mm256_cmp_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), c.cell), _mm256_set1_ps(floor_float(bound)),
                             _CMP_LE_OQ);
    const __m256d b = _mm256_set1_pd(bound), sign = _mm256_set1_pd(-0.0);
    return narrow(_mm256_cmp_pd(_mm256_andnot_pd(sign, c.low), b, _CMP_LE_OQ),
                  _mm256_cmp_pd(_mm256_andnot_pd(sign, c.high), b, _CMP_LE_OQ));
}

// -- search: the upper six levels by permutes of pivots in registers, deeper ones gathered --------------------------

// Pivots of the upper six levels. A permute finds one of eight; among several eights, the outcomes of the first
// comparisons choose, which lie ready as masks: `a ^ (mask & b)`, the b being kept as differences.
struct Pivots {
    __m256 to_8, to_16, to_32[2], to_64[4];
    const float* heap;

    explicit Pivots(const float* h, int levels) : heap(h) {
        to_8 = _mm256_loadu_ps(h);
        to_16 = _mm256_loadu_ps(h + 8);
        if (levels > 4) {
            to_32[0] = _mm256_loadu_ps(h + 16);
            to_32[1] = _mm256_xor_ps(to_32[0], _mm256_loadu_ps(h + 24));
        }
        if (levels > 5) {
            to_64[0] = _mm256_loadu_ps(h + 32);
            to_64[1] = _mm256_xor_ps(to_64[0], _mm256_loadu_ps(h + 40));
            to_64[2] = _mm256_xor_ps(to_64[0], _mm256_loadu_ps(h + 48));
            to_64[3] = _mm256_xor_ps(_mm256_xor_ps(to_64[1], _mm256_loadu_ps(h + 48)), _mm256_loadu_ps(h + 56));
        }
    }
};

// "not <=": NaN goes right everywhere and so ends above every threshold.
inline __m256 beyond(__m256 cell, __m256 pivot) { return _mm256_cmp_ps(cell, pivot, _CMP_NLE_UQ); }

inline __m256i descend(__m256i at, __m256 right) {
    return _mm256_sub_epi32(_mm256_add_epi32(at, at), _mm256_castps_si256(right));
}

inline __m256i search(const Pivots& p, __m256 cell, int levels) {
    __m256i at = _mm256_set1_epi32(1);
    const auto choose = [&](__m256 a, __m256 mask, __m256 b) { return _mm256_xor_ps(a, _mm256_and_ps(mask, b)); };
    const auto pick = [&](__m256 eight) { return _mm256_permutevar8x32_ps(eight, at); };
    const __m256 first = beyond(cell, _mm256_set1_ps(p.heap[1]));
    __m256 second = first;
    at = descend(at, first);
    if (levels > 1) at = descend(at, second = beyond(cell, pick(p.to_8)));
    if (levels > 2) at = descend(at, beyond(cell, pick(p.to_8)));
    if (levels > 3) at = descend(at, beyond(cell, pick(p.to_16)));
    if (levels > 4) at = descend(at, beyond(cell, choose(pick(p.to_32[0]), first, pick(p.to_32[1]))));
    if (levels > 5)
        at = descend(at, beyond(cell, choose(choose(pick(p.to_64[0]), second, pick(p.to_64[1])), first,
                                             choose(pick(p.to_64[2]), second, pick(p.to_64[3])))));
    for (int level = 6; level < levels; ++level) at = descend(at, beyond(cell, _mm256_i32gather_ps(p.heap, at, 4)));
    return _mm256_sub_epi32(at, _mm256_set1_epi32(1 << levels));
}

// A double that a float cannot hold was rounded down: where it lies in the gap of thresholds that round to the same
// float, the thresholds themselves decide.
inline __m256i mend(const Plan& plan, const NumericFeature& f, const Cells& c, __m256i code) {
    const __m256 inexact = narrow(_mm256_cmp_pd(c.low, low_doubles(c.cell), _CMP_GT_OQ),
                                  _mm256_cmp_pd(c.high, high_doubles(c.cell), _CMP_GT_OQ));
    if (_mm256_movemask_ps(inexact) == 0) return code;
    // The sorted thresholds are padded to a power of two, so code (at most 2^levels - 1) is a place in them.
    const __m256 next = _mm256_mask_i32gather_ps(_mm256_setzero_ps(), plan.floors.data() + f.sorted, code, inexact, 4);
    unsigned doubtful = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_and_ps(inexact, _mm256_cmp_ps(next, c.cell, _CMP_EQ_OQ))));
    if (doubtful == 0) return code;
    alignas(32) int32_t codes[8];
    alignas(32) double cells[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(codes), code);
    _mm256_store_pd(cells, c.low);
    _mm256_store_pd(cells + 4, c.high);
    const double* exact = plan.exact.data() + f.sorted;
    for (; doubtful; doubtful &= doubtful - 1) {
        const int i = __builtin_ctz(doubtful);
        while (codes[i] < f.n_thresholds && exact[codes[i]] < cells[i]) ++codes[i];
    }
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(codes));
}

// -- slices: from codes to planes ------------------------------------------------------------------------------------

// Four vectors of 8 to one of 32 bytes; byte 16 l + 4 m + j is lane 4 l + j of vector m.
inline __m256i pack(const __m256i v[4], int shift) {
    const __m256i byte = _mm256_set1_epi32(255);
    const auto part = [&](int i) { return _mm256_and_si256(_mm256_srli_epi32(v[i], shift), byte); };
    return _mm256_packus_epi16(_mm256_packus_epi32(part(0), part(1)), _mm256_packus_epi32(part(2), part(3)));
}

constexpr int NAN_BIT = 16, ZERO_BIT = 17;  // above the code in its 32 bits

inline __m256i mark(__m256 mask, int bit) {
    return _mm256_and_si256(_mm256_castps_si256(mask), _mm256_set1_epi32(1 << bit));
}

// Bits [0, n) of 32 bytes into planes, four bytes of each.
inline void slice_bytes(__m256i bytes, int n, char* word, int64_t plane_bytes) {
    word += (n - 1) * plane_bytes;
    bytes = _mm256_sll_epi16(bytes, _mm_cvtsi32_si128(8 - n));  // the highest bit wanted leads its byte
    for (int bit = n - 1; bit >= 0; --bit, word -= plane_bytes) {
        const int32_t bits = _mm256_movemask_epi8(bytes);
        std::memcpy(word, &bits, 4);
        bytes = _mm256_add_epi8(bytes, bytes);
    }
}

// The planes of 32 codes of up to 16 bits.
inline void slice_codes(const __m256i code[4], int bits, char* to, int64_t plane_bytes) {
    slice_bytes(pack(code, 0), bits < 8 ? bits : 8, to, plane_bytes);
    if (bits > 8) slice_bytes(pack(code, 8), bits - 8, to + 8 * plane_bytes, plane_bytes);
}

template <Input input>
void bin_feature(const Plan& plan, const NumericFeature& f, const Number<input>* tile, char* word) {
    const Pivots pivots(plan.heap32.data() + f.heap, f.levels);
    const bool has_missing = input == Input::doubles ? plan.missing == plan.missing : plan.missing_is_float;
    const bool marks = f.needs_nan || f.needs_zero;
    for (int half = 0; half < 2; ++half, tile += 32, word += 4) {
        __m256i code[4];
        for (int m = 0; m < 4; ++m) {
            Cells c = load<input>(tile + 8 * m);
            if (has_missing)  // ones in every bit are a NaN
                c.cell = _mm256_or_ps(c.cell, equal_to(c, plan.missing, input == Input::doubles));
            code[m] = search(pivots, c.cell, f.levels);
            if constexpr (input == Input::doubles) code[m] = mend(plan, f, c, code[m]);
            if (marks) {
                const __m256 nan = _mm256_cmp_ps(c.cell, c.cell, _CMP_UNORD_Q);
                const __m256 zero = within(c, plan.zero_bound, input == Input::doubles);
                code[m] = _mm256_or_si256(code[m], _mm256_or_si256(mark(nan, NAN_BIT), mark(zero, ZERO_BIT)));
            }
        }
        char* to = word + f.code_plane * plan.plane_bytes;
        slice_codes(code, f.levels, to, plan.plane_bytes);
        if (marks) slice_bytes(pack(code, NAN_BIT), 2, to + f.levels * plan.plane_bytes, plan.plane_bytes);
    }
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

// -- ids: 8 x 8 bits turned by exchanges between planes --------------------------------------------------------------

template <int SHIFT>
inline void exchange(__m256i& a, __m256i& b) {
    constexpr unsigned char MASK = SHIFT == 4 ? 0x0F : SHIFT == 2 ? 0x33 : 0x55;
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(MASK));
    const __m256i t = _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi16(a, SHIFT), b), mask);
    b = _mm256_xor_si256(b, t);
    a = _mm256_xor_si256(a, _mm256_slli_epi16(t, SHIFT));
}

inline void turn_nibbles(__m256i v[4]) {
    exchange<2>(v[0], v[2]);
    exchange<2>(v[1], v[3]);
    exchange<1>(v[0], v[1]);
    exchange<1>(v[2], v[3]);
}

// Rows 8i + j of 256, for all i, to byte i of vector j. Planes past the last are zeros.
template <int BITS>
inline void turn(__m256i v[8]) {
    static_assert(BITS >= 4 && BITS <= 8);
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    const auto high = [&](__m256i x) { return _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble); };
    if constexpr (BITS <= 5) {
        const __m256i fifth = v[4], sixteen = _mm256_set1_epi8(16);
        turn_nibbles(v);
        for (int j = 0; j < 4; ++j) {
            v[j + 4] = high(v[j]);
            v[j] = _mm256_and_si256(v[j], nibble);
        }
        for (int j = 0; j < 8 && BITS == 5; ++j) {
            const __m256i there = j < 4 ? _mm256_slli_epi16(fifth, 4 - j) : _mm256_srli_epi16(fifth, j - 4);
            v[j] = _mm256_or_si256(v[j], _mm256_and_si256(there, sixteen));
        }
    } else {
        for (int j = 0; j < 4; ++j)
            if (j + 4 < BITS) {
                exchange<4>(v[j], v[j + 4]);
            } else {
                v[j + 4] = high(v[j]);
                v[j] = _mm256_and_si256(v[j], nibble);
            }
        turn_nibbles(v);
        turn_nibbles(v + 4);
    }
}

template <int BYTES, int BITS>
void turn_planes(const char* base, const uint32_t* planes, int n, uint8_t* out) {
    constexpr int PART = BYTES < 32 ? BYTES : 32;
    for (int64_t at = 0; at < BYTES; at += PART, out += 8 * PART) {
        __m256i v[8];
        for (int b = 0; b < BITS; ++b) v[b] = b < n ? load_bits<PART>(base + planes[b] + at) : _mm256_setzero_si256();
        turn<BITS>(v);
        for (int j = 0; j < 8; ++j) store_bits<PART>(out + PART * j, v[j]);
    }
}

template <int BYTES>
void turn_planes(const char* base, const uint32_t* planes, int n, uint8_t* out) {
    if (n <= 4) return turn_planes<BYTES, 4>(base, planes, n, out);
    if (n == 5) return turn_planes<BYTES, 5>(base, planes, n, out);
    if (n == 6) return turn_planes<BYTES, 6>(base, planes, n, out);
    turn_planes<BYTES, 8>(base, planes, n, out);
}

// -- sums of 32 rows, in registers over the trees of a chunk ---------------------------------------------------------

// One byte of each of 32 values. A shuffle finds one of 16 and gives zero where the index has its top bit; `at[q]`
// has it clear where the id lies in the q-th sixteen.
template <int BITS>
inline __m256i look_up(const char* table, const __m256i at[1 << (BITS - 4)]) {
    const auto sixteen = [&](int q) {
        const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * q));
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), at[q]);
    };
    if constexpr (BITS == 4) return sixteen(0);
    if constexpr (BITS == 5) return _mm256_or_si256(sixteen(0), sixteen(1));
    return _mm256_or_si256(_mm256_or_si256(sixteen(0), sixteen(1)), _mm256_or_si256(sixteen(2), sixteen(3)));
}

template <int BITS>
inline void places(__m256i id, __m256i at[1 << (BITS - 4)]) {
    for (int q = 0; q < 1 << (BITS - 4); ++q)
        at[q] = _mm256_add_epi8(_mm256_xor_si256(id, _mm256_set1_epi8(static_cast<char>(16 * q))),
                                _mm256_set1_epi8(0x70));
}

// Four bytes' tables looked up for 32 ids, interleaved to words of 32 bits: lane l of vector k has rows 16 l + 4 k + i.
template <int BITS>
inline void words(const char* tables, const __m256i at[1 << (BITS - 4)], __m256i word[4]) {
    __m256i byte[4];
    for (int i = 0; i < 4; ++i) byte[i] = look_up<BITS>(tables + (i << BITS), at);
    const __m256i a = _mm256_unpacklo_epi8(byte[0], byte[1]), b = _mm256_unpacklo_epi8(byte[2], byte[3]);
    const __m256i c = _mm256_unpackhi_epi8(byte[0], byte[1]), d = _mm256_unpackhi_epi8(byte[2], byte[3]);
    word[0] = _mm256_unpacklo_epi16(a, b);
    word[1] = _mm256_unpackhi_epi16(a, b);
    word[2] = _mm256_unpacklo_epi16(c, d);
    word[3] = _mm256_unpackhi_epi16(c, d);
}

template <int BITS>
void add_floats(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, float* sums) {
    for (int64_t first = 0; first < rows; first += 32) {
        __m256 sum[4];
        for (int k = 0; k < 4; ++k) sum[k] = _mm256_load_ps(sums + first + 8 * k);
        const char* table = tables;
        for (int64_t t = 0; t < n_trees; ++t, table += 4 << BITS) {
            __m256i at[1 << (BITS - 4)], word[4];
            places<BITS>(_mm256_load_si256(reinterpret_cast<const __m256i*>(ids + t * 2 * rows + first)), at);
            words<BITS>(table, at, word);
            for (int k = 0; k < 4; ++k) sum[k] = _mm256_add_ps(sum[k], _mm256_castsi256_ps(word[k]));
        }
        for (int k = 0; k < 4; ++k) _mm256_store_ps(sums + first + 8 * k, sum[k]);
    }
}

template <int BITS>
void add_doubles(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, double* sums) {
    for (int64_t first = 0; first < rows; first += 32) {
        __m256d sum[8];
        for (int k = 0; k < 8; ++k) sum[k] = _mm256_load_pd(sums + first + 4 * k);
        const char* table = tables;
        for (int64_t t = 0; t < n_trees; ++t, table += 8 << BITS) {
            __m256i at[1 << (BITS - 4)], low[4], high[4];
            places<BITS>(_mm256_load_si256(reinterpret_cast<const __m256i*>(ids + t * 2 * rows + first)), at);
            words<BITS>(table, at, low);
            words<BITS>(table + (4 << BITS), at, high);
            for (int k = 0; k < 4; ++k) {
                const __m256i a = _mm256_unpacklo_epi32(low[k], high[k]), b = _mm256_unpackhi_epi32(low[k], high[k]);
                sum[2 * k] = _mm256_add_pd(sum[2 * k], _mm256_castsi256_pd(a));
                sum[2 * k + 1] = _mm256_add_pd(sum[2 * k + 1], _mm256_castsi256_pd(b));
            }
        }
        for (int k = 0; k < 8; ++k) _mm256_store_pd(sums + first + 4 * k, sum[k]);
    }
}

// Where the value of the i-th sum of 32 has its id, following the interleaving above.
template <class Real>
constexpr int id_of(int i) {
    if (sizeof(Real) == 4) return i / 4 % 2 * 16 + i / 8 * 4 + i % 4;
    return i / 2 % 2 * 16 + i / 4 * 2 + i % 2;
}

// Larger tables are loaded from one by one: quicker than gathers, which some processors have slow.
inline __m128d add_one(__m128d sum, const double* value) { return _mm_add_sd(sum, _mm_load_sd(value)); }
inline __m128 add_one(__m128 sum, const float* value) { return _mm_add_ss(sum, _mm_load_ss(value)); }
inline __m128d load_one(const double* sum) { return _mm_load_sd(sum); }
inline __m128 load_one(const float* sum) { return _mm_load_ss(sum); }
inline void store_one(double* to, __m128d sum) { _mm_store_sd(to, sum); }
inline void store_one(float* to, __m128 sum) { _mm_store_ss(to, sum); }

template <bool WIDE, class Real>
void add_loaded(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
    for (int64_t first = 0; first < rows; first += 8) {
        decltype(load_one(sums)) sum[8];
        for (int i = 0; i < 8; ++i) sum[i] = load_one(sums + first + i);
        const Real* table = reinterpret_cast<const Real*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += int64_t{1} << id_bits) {
            const uint8_t* id = ids + t * 2 * rows + first / 32 * 32;
            for (int i = 0; i < 8; ++i) {
                const int at = id_of<Real>(static_cast<int>(first % 32) + i);
                sum[i] = add_one(sum[i], table + (WIDE ? id[at] | id[at + rows] << 8 : id[at]));
            }
        }
        for (int i = 0; i < 8; ++i) store_one(sums + first + i, sum[i]);
    }
}

struct Isa {
    template <int BYTES>
    using Plane = avx2::Plane<BYTES>;
    static constexpr int NARROWEST = 16;

    static void slice(const int32_t codes[64], int bits, char* to, int64_t plane_bytes) {
        for (int half = 0; half < 2; ++half, codes += 32, to += 4) {
            __m256i code[4];
            for (int m = 0; m < 4; ++m) code[m] = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes + 8 * m));
            slice_codes(code, bits, to, plane_bytes);
        }
    }

    static constexpr uint64_t position_of(int row) {  // the byte of two pack()s that holds this row of 64
        const int m = row % 32 / 8, l = row % 8 / 4, j = row % 4;
        return static_cast<uint64_t>(row / 32 * 32 + 16 * l + 4 * m + j);
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

    template <int BYTES>
    static void ids(const char* base, const TreeIds& tree, int id_bits, uint8_t* out, int64_t high_offset) {
        turn_planes<BYTES>(base, tree.plane, tree.bits < 8 ? tree.bits : 8, out);
        if (id_bits > 8) turn_planes<BYTES>(base, tree.plane + 8, tree.bits < 8 ? 0 : tree.bits - 8, out + high_offset);
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
        }
        if (id_bits > 8) return add_loaded<true, Real>(ids, n_trees, rows, tables, id_bits, sums);
        add_loaded<false, Real>(ids, n_trees, rows, tables, id_bits, sums);
    }

    // Where the sums of each row lie, following the steps above.
    template <int BYTES, class Real>
    static const uint16_t* row_of() {
        static constexpr auto TABLE = [] {
            constexpr int PART = BYTES < 32 ? BYTES : 32;
            std::array<uint16_t, 8 * BYTES> t{};
            uint16_t row_at[64] = {};
            for (int row = 0; row < 64; ++row) row_at[position_of(row)] = static_cast<uint16_t>(row);
            for (int at = 0; at < 8 * BYTES; ++at) {
                const int id = at / 32 * 32 + id_of<Real>(at % 32);
                const int plane_bit = id / (8 * PART) * (8 * PART) + id % PART * 8 + id % (8 * PART) / PART;
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

}  // namespace perfcore::bitslice::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace perfcore::bitslice::avx2 {

void predict(const Plan&, const Table&, int64_t, int64_t, char*, void*) {}

}  // namespace perfcore::bitslice::avx2

#endif
