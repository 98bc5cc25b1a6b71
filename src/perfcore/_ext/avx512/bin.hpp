// Cells to code planes on AVX-512; for bitslice.cpp, which compiles it below its target pragma.
//
//   table ──▶ tile: 64 rows, a column at a time ──▶ search: a code a cell ──▶ slices: 64 bits a plane
#pragma once

namespace perfcore::bitslice::avx512 {
namespace {

// Sixteen cells of one feature. `cell` is what the float search compares; where the forest compares doubles, it is
// rounded down, and `low`, `high` keep the doubles themselves.
struct Cells {
    __m512 cell;
    __m512d low, high;
};

enum class Input { floats, doubles_rounded, doubles };

template <Input input>
using Number = std::conditional_t<input == Input::floats, float, double>;

// A tile's rows are transposed in registers. A broadcast load puts a row's piece of 16 bytes into the lane
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
            const auto piece = [&](int lane) {
                return _mm_loadu_pd(reinterpret_cast<const double*>(row[2 * lane + i]));
            };
            r[i] = _mm512_broadcast_f64x2(piece(0));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0x0C, piece(1));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0x30, piece(2));
            r[i] = _mm512_mask_broadcast_f64x2(r[i], 0xC0, piece(3));
        }
        _mm512_store_pd(to, _mm512_unpacklo_pd(r[0], r[1]));
        _mm512_store_pd(to + 64, _mm512_unpackhi_pd(r[0], r[1]));
    }
}

template <Input input>
inline Cells load(const Number<input>* cells) {
    Cells c;
    if constexpr (input == Input::floats) {
        c.cell = _mm512_loadu_ps(cells);
        c.low = c.high = _mm512_setzero_pd();
    } else {
        c.low = _mm512_loadu_pd(cells);
        c.high = _mm512_loadu_pd(cells + 8);
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
void bin_feature(const Plan& plan, const NumericFeature& f, const Number<input>* cells, char* word) {
    const bool has_missing = input == Input::doubles ? plan.missing == plan.missing : plan.missing_is_float;
    Cells c[4];
    __m512 cell[4];
    __m512i code[4];
    for (int m = 0; m < 4; ++m) {
        c[m] = load<input>(cells + 16 * m);
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
    bin_tiles<16, Number<input>>(
        plan, x, row, n, tile, [](const char* const* piece, auto* to) { transpose(piece, to); },
        [&](const NumericFeature& f, const Number<input>* cells, int64_t first) {
            bin_feature<input>(plan, f, cells, codes + first / 8);
        });
}

}  // namespace
}  // namespace perfcore::bitslice::avx512
