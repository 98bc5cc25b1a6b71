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
#include "perfcore/bitslice/tile.hpp"
#include "bin.hpp"

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
