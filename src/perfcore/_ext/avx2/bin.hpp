// Cells to code planes on AVX2; for bitslice.cpp, which compiles it below its target pragma.
//
//   table ──▶ tile: 64 rows, a column at a time ──▶ search: a code a cell ──▶ slices: 64 bits a plane
#pragma once

namespace perfcore::bitslice::avx2 {
namespace {

enum class Input { floats, doubles_rounded, doubles };

template <Input input>
using Number = std::conditional_t<input == Input::floats, float, double>;

// Eight cells of one feature. `cell` is what the float search compares; where the forest compares doubles, it is
// rounded down, and `low`, `high` keep the doubles themselves.
struct Cells {
    __m256 cell;
    __m256d low, high;
};

// -- tile ------------------------------------------------------------------------------------------------------------
//
// Two rows' pieces of 16 bytes share a register, so that only the exchange within lanes is left to do.

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

// Two masks of four doubles as one of eight floats.
inline __m256 narrow(__m256d low, __m256d high) {
    const __m256 both = _mm256_shuffle_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high), 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(both), 0xD8));
}

inline __m256d low_doubles(__m256 v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
inline __m256d high_doubles(__m256 v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

template <Input input>
inline Cells load(const Number<input>* cells) {
    Cells c;
    if constexpr (input == Input::floats) {
        c.cell = _mm256_loadu_ps(cells);
        c.low = c.high = _mm256_setzero_pd();
    } else {
        c.low = _mm256_loadu_pd(cells);
        c.high = _mm256_loadu_pd(cells + 4);
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
        return _mm256_cmp_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), c.cell), _mm256_set1_ps(static_cast<float>(bound)),
                             _CMP_LE_OQ);
    const __m256d b = _mm256_set1_pd(bound), sign = _mm256_set1_pd(-0.0);
    return narrow(_mm256_cmp_pd(_mm256_andnot_pd(sign, c.low), b, _CMP_LE_OQ),
                  _mm256_cmp_pd(_mm256_andnot_pd(sign, c.high), b, _CMP_LE_OQ));
}

// -- search: 64 cells a level at a time, so that no cell's comparisons are waited for --------------------------------

// "not <=": NaN goes right everywhere and so ends above every threshold.
inline __m256 beyond(__m256 cell, __m256 pivot) { return _mm256_cmp_ps(cell, pivot, _CMP_NLE_UQ); }

inline __m256 choose(__m256 a, __m256 mask, __m256 b) { return _mm256_xor_ps(a, _mm256_and_ps(mask, b)); }

// The last two levels ask three thresholds that lie together: eight loads of 16 bytes, and no gathers, which some
// processors have slow. `place` counts the fours of thresholds before them.
inline __m256i last_two(const float* sorted, const uint32_t place[8], __m256 cell) {
    const auto three = [&](int i) { return sorted + 4 * uint64_t{place[i]}; };
    __m256 r[4];
    for (int i = 0; i < 4; ++i) r[i] = _mm256_loadu2_m128(three(4 + i), three(i));
    const __m256d a = low_pairs(r[0], r[1]), b = low_pairs(r[2], r[3]);
    const __m256d c = high_pairs(r[0], r[1]), d = high_pairs(r[2], r[3]);
    const __m256i first = _mm256_castps_si256(beyond(cell, _mm256_castpd_ps(_mm256_unpacklo_pd(a, b))));
    const __m256i second = _mm256_castps_si256(beyond(cell, _mm256_castpd_ps(_mm256_unpackhi_pd(a, b))));
    const __m256i third = _mm256_castps_si256(beyond(cell, _mm256_castpd_ps(_mm256_unpacklo_pd(c, d))));
    return _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_add_epi32(first, _mm256_add_epi32(second, third)));
}

// How many of a feature's thresholds lie below each cell. Pivots of the upper six levels are permuted, the last two of
// more are asked at once, and those between gathered. A permute finds one of eight; among several eights, differences
// being kept of all but the first, the outcomes of the first two comparisons choose.
inline void search(const float* heap, const float* sorted, int levels, const float* cells, __m256i at[8]) {
    const int last = levels;
    if (levels > 6) levels -= 2;
    __m256 first[8], second[8];
    const auto eight = [&](int i) { return _mm256_loadu_ps(heap + 8 * i); };
    const auto pick = [&](__m256 pivots, int m) { return _mm256_permutevar8x32_ps(pivots, at[m]); };
    const auto right_of = [&](__m256 pivot, int m) { return beyond(_mm256_loadu_ps(cells + 8 * m), pivot); };
    const auto descend = [&](int m, __m256 right) {
        at[m] = _mm256_sub_epi32(_mm256_add_epi32(at[m], at[m]), _mm256_castps_si256(right));
    };
    const __m256 root = _mm256_set1_ps(heap[1]), to_8 = eight(0);
    for (int m = 0; m < 8; ++m) {
        first[m] = right_of(root, m);
        at[m] = _mm256_sub_epi32(_mm256_set1_epi32(2), _mm256_castps_si256(first[m]));
    }
    if (levels > 1)
        for (int m = 0; m < 8; ++m) descend(m, second[m] = right_of(pick(to_8, m), m));
    if (levels > 2)
        for (int m = 0; m < 8; ++m) descend(m, right_of(pick(to_8, m), m));
    if (levels > 3) {
        const __m256 to_16 = eight(1);
        for (int m = 0; m < 8; ++m) descend(m, right_of(pick(to_16, m), m));
    }
    if (levels > 4) {
        const __m256 a = eight(2), b = _mm256_xor_ps(a, eight(3));
        for (int m = 0; m < 8; ++m) descend(m, right_of(choose(pick(a, m), first[m], pick(b, m)), m));
    }
    if (levels > 5) {
        const __m256 a = eight(4), b = _mm256_xor_ps(a, eight(5)), c = _mm256_xor_ps(a, eight(6));
        const __m256 d = _mm256_xor_ps(_mm256_xor_ps(b, eight(6)), eight(7));
        for (int m = 0; m < 8; ++m) {
            const __m256 low = choose(pick(a, m), second[m], pick(b, m));
            const __m256 high = choose(pick(c, m), second[m], pick(d, m));
            descend(m, right_of(choose(low, first[m], high), m));
        }
    }
    for (int level = 6; level < levels; ++level)
        for (int m = 0; m < 8; ++m) descend(m, right_of(_mm256_i32gather_ps(heap, at[m], 4), m));
    for (int m = 0; m < 8; ++m) at[m] = _mm256_sub_epi32(at[m], _mm256_set1_epi32(1 << levels));
    if (levels == last) return;
    alignas(32) uint32_t place[64];
    for (int m = 0; m < 8; ++m) _mm256_store_si256(reinterpret_cast<__m256i*>(place + 8 * m), at[m]);
    __asm__("" : "+m"(place));  // else compilers take each lane out of its register, by two instructions
    for (int m = 0; m < 8; ++m)
        at[m] = _mm256_add_epi32(_mm256_slli_epi32(at[m], 2),
                                 last_two(sorted, place + 8 * m, _mm256_loadu_ps(cells + 8 * m)));
}

// A double that a float cannot hold was rounded down: where it lies in the gap of thresholds that round to the same
// float, the thresholds themselves decide.
inline __m256i mend(const Plan& plan, const NumericFeature& f, const double* tile, __m256 cell, __m256i code) {
    const __m256 inexact = narrow(_mm256_cmp_pd(_mm256_loadu_pd(tile), low_doubles(cell), _CMP_GT_OQ),
                                  _mm256_cmp_pd(_mm256_loadu_pd(tile + 4), high_doubles(cell), _CMP_GT_OQ));
    if (_mm256_movemask_ps(inexact) == 0) return code;
    // The sorted thresholds are padded to a power of two, so code (at most 2^levels - 1) is a place in them.
    const __m256 next = _mm256_mask_i32gather_ps(_mm256_setzero_ps(), plan.floors.data() + f.sorted, code, inexact, 4);
    unsigned doubtful = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_and_ps(inexact, _mm256_cmp_ps(next, cell, _CMP_EQ_OQ))));
    if (doubtful == 0) return code;
    alignas(32) int32_t codes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(codes), code);
    const double* exact = plan.exact.data() + f.sorted;
    for (; doubtful; doubtful &= doubtful - 1) {
        const int i = __builtin_ctz(doubtful);
        while (codes[i] < f.n_thresholds && exact[codes[i]] < tile[i]) ++codes[i];
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
class Binner {
    static constexpr bool AS_DOUBLES = input == Input::doubles;

  public:
    explicit Binner(const Plan& plan)
        : plan_(plan), zero_bound_(AS_DOUBLES ? plan.zero_bound : floor_float(plan.zero_bound)),
          has_missing_(AS_DOUBLES ? plan.missing == plan.missing : plan.missing_is_float) {}

    void bin(const Table& x, int64_t row, int64_t n, char* codes, char* tile) const {
        bin_tiles<8, Number<input>>(
            plan_, x, row, n, tile, [](const char* const* piece, auto* to) { transpose(piece, to); },
            [&](const NumericFeature& f, const Number<input>* cells, int64_t first) {
                bin(f, cells, codes + first / 8);
            });
    }

  private:
    // 64 cells of one feature into the words of its planes.
    void bin(const NumericFeature& f, const Number<input>* tile, char* word) const {
        alignas(32) float changed[64];
        const float* cells = changed;
        if constexpr (input == Input::floats) cells = tile;
        if (input != Input::floats || has_missing_) {
            cells = changed;
            for (int m = 0; m < 8; ++m) {
                const Cells c = load<input>(tile + 8 * m);
                const __m256 missing = has_missing_ ? equal_to(c, plan_.missing, AS_DOUBLES) : _mm256_setzero_ps();
                _mm256_store_ps(changed + 8 * m, _mm256_or_ps(c.cell, missing));  // all ones: a NaN
            }
        }
        __m256i code[8];
        search(plan_.heap32.data() + f.heap, plan_.floors.data() + f.sorted, f.levels, cells, code);
        if constexpr (AS_DOUBLES)
            for (int m = 0; m < 8; ++m) code[m] = mend(plan_, f, tile + 8 * m, _mm256_load_ps(cells + 8 * m), code[m]);
        const bool marks = f.needs_nan || f.needs_zero;
        for (int m = 0; m < 8 && marks; ++m) {
            const __m256 cell = _mm256_loadu_ps(cells + 8 * m);
            const __m256 nan = _mm256_cmp_ps(cell, cell, _CMP_UNORD_Q);
            const __m256 zero = within(load<input>(tile + 8 * m), zero_bound_, AS_DOUBLES);
            code[m] = _mm256_or_si256(code[m], _mm256_or_si256(mark(nan, NAN_BIT), mark(zero, ZERO_BIT)));
        }
        char* to = word + f.code_plane * plan_.plane_bytes;
        for (int half = 0; half < 2; ++half, to += 4) {
            slice_codes(code + 4 * half, f.levels, to, plan_.plane_bytes);
            if (!marks) continue;
            slice_bytes(pack(code + 4 * half, NAN_BIT), 2, to + f.levels * plan_.plane_bytes, plan_.plane_bytes);
        }
    }

    const Plan& plan_;
    const double zero_bound_;
    const bool has_missing_;
};

}  // namespace
}  // namespace perfcore::bitslice::avx2
