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
#include "perfcore/bitslice/tile.hpp"
#include "bin.hpp"

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

// The interleaving above leaves the values of a lane's ids in that lane, two doubles or four floats to a vector: where
// the i-th sum of 32 has its id.
template <class Real>
constexpr int IN_LANE = 16 / sizeof(Real);

template <class Real>
constexpr int id_of(int i) {
    constexpr int TOGETHER = IN_LANE<Real>;
    return i / TOGETHER % 2 * 16 + i / (2 * TOGETHER) * TOGETHER + i % TOGETHER;
}

// Larger tables are loaded from one value at a time: gathers took 0.93 of the time where they are fast, and are slow on
// most processors that have no more than AVX2.
inline __m128d add_one(__m128d sum, const double* value) { return _mm_add_sd(sum, _mm_load_sd(value)); }
inline __m128 add_one(__m128 sum, const float* value) { return _mm_add_ss(sum, _mm_load_ss(value)); }
inline __m128d load_one(const double* sum) { return _mm_load_sd(sum); }
inline __m128 load_one(const float* sum) { return _mm_load_ss(sum); }
inline void store_one(double* to, __m128d sum) { _mm_store_sd(to, sum); }
inline void store_one(float* to, __m128 sum) { _mm_store_ss(to, sum); }

template <bool WIDE, class Real>
void add_loaded(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
    constexpr int TOGETHER = IN_LANE<Real>;
    for (int64_t first = 0; first < rows; first += 8) {
        Real* to = sums + first / 32 * 32 + first % 32 / 16 * TOGETHER + first % 16 * 2;
        const auto place = [&](int i) { return to + i / TOGETHER * 2 * TOGETHER + i % TOGETHER; };
        decltype(load_one(sums)) sum[8];
        for (int i = 0; i < 8; ++i) sum[i] = load_one(place(i));
        const Real* table = reinterpret_cast<const Real*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += int64_t{1} << id_bits) {
            uint64_t low, high = 0;  // eight ids, taken from the lowest byte up
            std::memcpy(&low, ids + t * 2 * rows + first, 8);
            if (WIDE) std::memcpy(&high, ids + (t * 2 + 1) * rows + first, 8);
            for (int i = 0; i < 8; ++i, low >>= 8, high >>= 8)
                sum[i] = add_one(sum[i], table + (WIDE ? (low & 255) | (high & 255) << 8 : low & 255));
        }
        for (int i = 0; i < 8; ++i) store_one(place(i), sum[i]);
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
            Binner<Input::floats>(plan).bin(x, row, n, codes, tile);
        } else if (plan.rounds_to_float) {
            Binner<Input::doubles_rounded>(plan).bin(x, row, n, codes, tile);
        } else {
            Binner<Input::doubles>(plan).bin(x, row, n, codes, tile);
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
