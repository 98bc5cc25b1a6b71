// The bit-sliced forest in plain C++: planes are vectors of 16 bytes, a register of every 64-bit baseline. Where the
// compiler does not find the instructions by itself, SSE2 has them spelled out.
#include <array>
#include <type_traits>

#if defined(__SSE2__) || defined(_M_X64)
#define PERFCORE_SSE2
#include <emmintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#endif

#include "perfcore/bitslice/bitslice.hpp"
#include "perfcore/bitslice/block.hpp"
#include "perfcore/bitslice/tile.hpp"

namespace perfcore::bitslice::portable {
namespace {

#if defined(__GNUC__)
typedef uint64_t Words __attribute__((vector_size(16), may_alias));
#else
struct Words {
    uint64_t low, high;
    Words operator&(Words o) const { return {low & o.low, high & o.high}; }
    Words operator|(Words o) const { return {low | o.low, high | o.high}; }
    Words operator^(Words o) const { return {low ^ o.low, high ^ o.high}; }
    Words operator~() const { return {~low, ~high}; }
    Words operator>>(int n) const { return {low >> n, high >> n}; }
    Words operator<<(int n) const { return {low << n, high << n}; }
};
#endif

template <int N>
struct PlaneOf {
    Words part[N];

    template <class Make>
    static PlaneOf each(const Make& make) {
        PlaneOf p;
        for (int i = 0; i < N; ++i) p.part[i] = make(i);
        return p;
    }
    static PlaneOf load(const char* at) {
        return each([&](int i) { return reinterpret_cast<const Words*>(at)[i]; });
    }
    static void store(char* at, const PlaneOf& p) {
        for (int i = 0; i < N; ++i) reinterpret_cast<Words*>(at)[i] = p.part[i];
    }
    static PlaneOf zeros() {
        return each([](int) { return Words{0, 0}; });
    }
    static PlaneOf ones() {
        return each([](int) { return ~Words{0, 0}; });
    }
    static PlaneOf both(const PlaneOf& x, const PlaneOf& y) {
        return each([&](int i) { return x.part[i] & y.part[i]; });
    }
    static PlaneOf either(const PlaneOf& x, const PlaneOf& y) {
        return each([&](int i) { return x.part[i] | y.part[i]; });
    }
    static PlaneOf andnot(const PlaneOf& x, const PlaneOf& y) {
        return each([&](int i) { return ~x.part[i] & y.part[i]; });
    }
    static PlaneOf or_and(const PlaneOf& x, const PlaneOf& y, const PlaneOf& z) {
        return each([&](int i) { return x.part[i] | (y.part[i] & z.part[i]); });
    }
    // Not by exclusive or, which is as short but reads an operand twice.
    static PlaneOf select(const PlaneOf& mask, const PlaneOf& x, const PlaneOf& y) {
        return each([&](int i) { return (mask.part[i] & x.part[i]) | (~mask.part[i] & y.part[i]); });
    }
};

// -- tile -------------------------------------------------------------------------------------------------------------

#if defined(PERFCORE_SSE2)
inline void transpose(const char* const row[4], float* to) {  // 4 columns of 4 rows
    __m128 r[4];
    for (int i = 0; i < 4; ++i) r[i] = _mm_loadu_ps(reinterpret_cast<const float*>(row[i]));
    _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]);
    for (int c = 0; c < 4; ++c) _mm_storeu_ps(to + 64 * c, r[c]);
}

inline void transpose(const char* const row[4], double* to) {  // 2 columns of 4 rows
    for (int i = 0; i < 4; i += 2) {
        const __m128d a = _mm_loadu_pd(reinterpret_cast<const double*>(row[i]));
        const __m128d b = _mm_loadu_pd(reinterpret_cast<const double*>(row[i + 1]));
        _mm_storeu_pd(to + i, _mm_unpacklo_pd(a, b));
        _mm_storeu_pd(to + 64 + i, _mm_unpackhi_pd(a, b));
    }
}
#else
template <class Real>
inline void transpose(const char* const row[4], Real* to) {
    constexpr int COLUMNS = 16 / sizeof(Real);
    Real cells[4][COLUMNS];
    for (int i = 0; i < 4; ++i) std::memcpy(cells[i], row[i], sizeof cells[i]);
    for (int c = 0; c < COLUMNS; ++c)
        for (int i = 0; i < 4; ++i) to[64 * c + i] = cells[i][c];
}
#endif

// -- codes: how many thresholds of a feature lie below a cell ---------------------------------------------------------

// As the source rounds them, with the missing value as NaN; where the forest compares doubles, rounded down.
inline void as_floats(const Plan& plan, const float* exact, float* cell) {
    const float missing = static_cast<float>(plan.missing);
    for (int i = 0; i < 64; ++i) cell[i] = exact[i];
    if (!plan.missing_is_float) return;
    for (int i = 0; i < 64; ++i)
        if (cell[i] == missing) cell[i] = std::numeric_limits<float>::quiet_NaN();
}

inline void as_floats(const Plan& plan, const double* exact, float* cell) {
    if (plan.rounds_to_float) {
        for (int i = 0; i < 64; ++i) cell[i] = static_cast<float>(exact[i]);
        return as_floats(plan, cell, cell);
    }
    for (int i = 0; i < 64; ++i) {
        const float nearest = static_cast<float>(exact[i]);
        int32_t bits;
        std::memcpy(&bits, &nearest, 4);
        bits -= static_cast<double>(nearest) > exact[i] ? (bits >> 31) | 1 : 0;  // to the float before
        std::memcpy(cell + i, &bits, 4);
    }
    if (plan.missing == plan.missing)
        for (int i = 0; i < 64; ++i)
            if (exact[i] == plan.missing) cell[i] = std::numeric_limits<float>::quiet_NaN();
}

#if defined(PERFCORE_SSE2)
inline int lowest_bit(unsigned bits) {
#if defined(_MSC_VER)
    unsigned long at;
    _BitScanForward(&at, bits);
    return static_cast<int>(at);
#else
    return __builtin_ctz(bits);
#endif
}
#endif

// Of sixteen sorted numbers, how many lie below x; at most fifteen do.
inline int count_below(const float* run, float x) {
#if defined(PERFCORE_SSE2)
    const __m128 v = _mm_set1_ps(x);
    const auto four = [&](int i) { return _mm_castps_si128(_mm_cmplt_ps(_mm_loadu_ps(run + 4 * i), v)); };
    const __m128i below = _mm_packs_epi16(_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
    return lowest_bit(~static_cast<unsigned>(_mm_movemask_epi8(below)) | 0x8000u);
#else
    int n = 0;
    for (int i = 0; i < 15; ++i) n += run[i] < x;
    return n;
#endif
}

// How many of n pivots lie below each of 64 cells, times EACH: sixteen cells at a time, whose counts stay in registers.
template <int EACH>
inline void count_below(const float* pivots, int n, int stride, const float* cell, int32_t* count) {
    for (int first = 0; first < 64; first += 16) {
        int32_t below[16] = {};
        for (int j = 0; j < n; ++j)
            for (int i = 0; i < 16; ++i) below[i] += pivots[j * stride] < cell[first + i];
        for (int i = 0; i < 16; ++i) count[first + i] = EACH * below[i];
    }
}

// All thresholds, if there are few; otherwise two steps of sixteen, three above 255 thresholds. NaN ends below all.
void search(const Plan& plan, const NumericFeature& f, const float* cell, int32_t* code) {
    const float* floors = plan.floors.data() + f.sorted;
    if (f.n_thresholds < 16) return count_below<1>(floors, f.n_thresholds, 1, cell, code);
    const float* coarse = plan.coarse.data() + f.sorted / 16;  // every sixteenth
    const int stride = f.levels > 8 ? 16 : 1;
    count_below<16>(coarse + stride - 1, f.n_thresholds / (16 * stride), stride, cell, code);
    if (f.levels > 8)
        for (int i = 0; i < 64; ++i) code[i] = 16 * (code[i] + count_below(coarse + code[i], cell[i]));
    for (int i = 0; i < 64; ++i) code[i] += count_below(floors + code[i], cell[i]);
}

// A double that was rounded down may lie in the gap of thresholds that round to the same float: these decide.
template <class Real>
void mend(const Plan& plan, const NumericFeature& f, const float* cell, const Real* exact, int32_t* code) {
    const float* floors = plan.floors.data() + f.sorted;  // padded, so that every code is a place in them
    const double* thresholds = plan.exact.data() + f.sorted;
    for (int i = 0; i < 64; ++i)
        if (floors[code[i]] == cell[i])
            while (code[i] < f.n_thresholds && thresholds[code[i]] < exact[i]) ++code[i];
}

// -- slices: from codes to planes ------------------------------------------------------------------------------------

// Bits [0, n) of 64 codes, eight bytes of each plane.
inline void slice(const int32_t codes[64], int n, char* word, int64_t plane_bytes) {
#if defined(PERFCORE_SSE2)
    for (int from = 0; from < n; from += 8)
        for (int i = 0; i < 64; i += 16) {
            const auto four = [&](int k) {
                const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i + 4 * k));
                return _mm_and_si128(_mm_srl_epi32(v, _mm_cvtsi32_si128(from)), _mm_set1_epi32(255));
            };
            __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
            const int last = n < from + 8 ? n - 1 : from + 7;
            bytes = _mm_sll_epi16(bytes, _mm_cvtsi32_si128(7 - (last - from)));
            char* to = word + last * plane_bytes + i / 8;
            for (int bit = last; bit >= from; --bit, to -= plane_bytes) {
                const uint16_t sixteen = static_cast<uint16_t>(_mm_movemask_epi8(bytes));
                std::memcpy(to, &sixteen, 2);
                bytes = _mm_add_epi8(bytes, bytes);
            }
        }
#else
    for (int bit = 0; bit < n; ++bit, word += plane_bytes)
        for (int i = 0; i < 64; i += 8) {
            unsigned eight = 0;
            for (int k = 0; k < 8; ++k) eight |= static_cast<unsigned>((codes[i + k] >> bit) & 1) << k;
            word[i / 8] = static_cast<char>(eight);
        }
#endif
}

template <class Real>
void bin_feature(const Plan& plan, const NumericFeature& f, const Real* exact, char* word) {
    const bool compares_doubles = std::is_same<Real, double>::value && !plan.rounds_to_float;
    float cell[64];
    int32_t code[64];
    as_floats(plan, exact, cell);
    search(plan, f, cell, code);
    if (compares_doubles) mend(plan, f, cell, exact, code);
    const int32_t nan = (2 << f.levels) - 1;  // above every threshold, and marked
    for (int i = 0; i < 64; ++i) code[i] |= cell[i] != cell[i] ? nan : 0;
    if (f.needs_zero) {
        const int32_t zero = 2 << f.levels;
        for (int i = 0; i < 64; ++i)
            code[i] |=
                std::fabs(compares_doubles ? static_cast<double>(exact[i]) : cell[i]) <= plan.zero_bound ? zero : 0;
    }
    slice(code, f.levels + 1 + f.needs_zero, word + f.code_plane * plan.plane_bytes, plan.plane_bytes);
}

template <class Real>
void bin_all(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes, char* tile) {
    bin_tiles<4, Real>(
        plan, x, row, n, tile, [](const char* const* piece, auto* to) { transpose(piece, to); },
        [&](const NumericFeature& f, const Real* cells, int64_t first) {
            bin_feature(plan, f, cells, codes + first / 8);
        });
}

// -- ids: 8 x 8 bits turned by exchanges between planes ---------------------------------------------------------------

inline Words every_byte(uint64_t byte) { return Words{byte * 0x0101010101010101ull, byte * 0x0101010101010101ull}; }

template <int SHIFT>
inline void exchange(Words& a, Words& b) {
    const Words t = ((a >> SHIFT) ^ b) & every_byte(SHIFT == 4 ? 0x0F : SHIFT == 2 ? 0x33 : 0x55);
    b = b ^ t;
    a = a ^ (t << SHIFT);
}

// Rows 8 i + j of 128, for all i, to byte i of vector j. Planes from BITS on are zeros.
template <int BITS>
inline void turn(Words v[8]) {
    for (int j = 0; j < 4; ++j)
        if (j + 4 < BITS) {
            exchange<4>(v[j], v[j + 4]);
        } else {
            v[j + 4] = (v[j] >> 4) & every_byte(0x0F);
            v[j] = v[j] & every_byte(0x0F);
        }
    for (int half = 0; half < 8; half += 4) {
        exchange<2>(v[half], v[half + 2]);
        exchange<2>(v[half + 1], v[half + 3]);
        exchange<1>(v[half], v[half + 1]);
        exchange<1>(v[half + 2], v[half + 3]);
    }
}

template <int BYTES, int BITS>
void turn_planes(const char* base, const uint32_t* planes, int n, uint8_t* out) {
    for (int at = 0; at < BYTES; at += 16, out += 128) {
        Words v[8];
        for (int b = 0; b < BITS; ++b)
            v[b] = b < n ? *reinterpret_cast<const Words*>(base + planes[b] + at) : Words{0, 0};
        turn<BITS>(v);
        for (int j = 0; j < 8; ++j) reinterpret_cast<Words*>(out)[j] = v[j];
    }
}

template <int BYTES>
void turn_planes(const char* base, const uint32_t* planes, int n, uint8_t* out) {
    if (n < 4) return turn_planes<BYTES, 4>(base, planes, n, out);
    if (n == 4) return turn_planes<BYTES, 4>(base, planes, 4, out);
    if (n == 5) return turn_planes<BYTES, 5>(base, planes, 5, out);
    if (n == 6) return turn_planes<BYTES, 6>(base, planes, 6, out);
    turn_planes<BYTES, 8>(base, planes, n, out);
}

// -- sums -------------------------------------------------------------------------------------------------------------

// Eight rows' sums stay in registers over all trees of a chunk.
template <bool WIDE, class Real>
void add_rows(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
    const int64_t entries = int64_t{1} << id_bits;
    for (int64_t first = 0; first < rows; first += 8) {
        const Real* table = reinterpret_cast<const Real*>(tables);
        const uint8_t* id = ids + first;
        Real sum[8];
        std::memcpy(sum, sums + first, sizeof sum);
        for (int64_t t = 0; t < n_trees; ++t, table += entries, id += 2 * rows)
            for (int i = 0; i < 8; ++i) sum[i] += table[WIDE ? id[i] | (id[rows + i] << 8) : id[i]];
        std::memcpy(sums + first, sum, sizeof sum);
    }
}

struct Isa {
    template <int BYTES>
    using Plane = PlaneOf<BYTES / 16>;
    static constexpr int NARROWEST = 16;

    static void slice(const int32_t codes[64], int bits, char* to, int64_t plane_bytes) {
        portable::slice(codes, bits, to, plane_bytes);
    }

    static void bin(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes, char* tile) {
        if (x.is_float) {
            bin_all<float>(plan, x, row, n, codes, tile);
        } else {
            bin_all<double>(plan, x, row, n, codes, tile);
        }
    }

    template <int BYTES>
    static void ids(const char* base, const TreeIds& tree, int id_bits, uint8_t* out, int64_t high_offset) {
        turn_planes<BYTES>(base, tree.plane, tree.bits < 8 ? tree.bits : 8, out);
        if (id_bits > 8) turn_planes<BYTES>(base, tree.plane + 8, tree.bits < 8 ? 0 : tree.bits - 8, out + high_offset);
    }

    template <class Real>
    static void add(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
        if (id_bits <= 8) {
            add_rows<false>(ids, n_trees, rows, tables, id_bits, sums);
        } else {
            add_rows<true>(ids, n_trees, rows, tables, id_bits, sums);
        }
    }

    // turn() takes the rows of 128 eight apart.
    template <int BYTES, class Real>
    static const uint16_t* row_of() {
        static constexpr auto TABLE = [] {
            std::array<uint16_t, 8 * BYTES> t{};
            for (int i = 0; i < 8 * BYTES; ++i)
                t[i] = static_cast<uint16_t>(i / 128 * 128 + i % 16 * 8 + i % 128 / 16);
            return t;
        }();
        return TABLE.data();
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_on<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::bitslice::portable
