// The bit-sliced forest in plain C++: planes are eight words, which any compiler turns into what its baseline has.
#include <array>

#include "perfcore/bitslice/bitslice.hpp"
#include "perfcore/bitslice/block.hpp"

namespace perfcore::bitslice::portable {
namespace {

#if defined(__GNUC__)
typedef uint64_t Words __attribute__((vector_size(16), may_alias));  // a register of every 64-bit baseline
#else
struct Words {
    uint64_t low, high;
    Words operator&(Words o) const { return {low & o.low, high & o.high}; }
    Words operator|(Words o) const { return {low | o.low, high | o.high}; }
    Words operator^(Words o) const { return {low ^ o.low, high ^ o.high}; }
    Words operator~() const { return {~low, ~high}; }
};
#endif

struct Plane {
    Words a, b, c, d;

    static Plane load(const char* at) { return *reinterpret_cast<const Plane*>(at); }
    static void store(char* at, const Plane& p) { *reinterpret_cast<Plane*>(at) = p; }
    static Plane zeros() { return {Words{0, 0}, Words{0, 0}, Words{0, 0}, Words{0, 0}}; }
    static Plane ones() { return {~Words{0, 0}, ~Words{0, 0}, ~Words{0, 0}, ~Words{0, 0}}; }
    static Plane both(const Plane& x, const Plane& y) { return {x.a & y.a, x.b & y.b, x.c & y.c, x.d & y.d}; }
    static Plane either(const Plane& x, const Plane& y) { return {x.a | y.a, x.b | y.b, x.c | y.c, x.d | y.d}; }
    static Plane andnot(const Plane& x, const Plane& y) { return {~x.a & y.a, ~x.b & y.b, ~x.c & y.c, ~x.d & y.d}; }
    static Plane or_and(const Plane& x, const Plane& y, const Plane& z) { return either(x, both(y, z)); }
    static Words select(Words mask, Words x, Words y) { return y ^ (mask & (x ^ y)); }
    static Plane select(const Plane& mask, const Plane& x, const Plane& y) {
        return {select(mask.a, x.a, y.a), select(mask.b, x.b, y.b), select(mask.c, x.c, y.c), select(mask.d, x.d, y.d)};
    }
};

// 64 rows of one feature, rounded as the forest compares them.
struct Cells {
    double value[64];
};

void load(const Plan& plan, const Table& x, int64_t row, int64_t n, int32_t feature, Cells& cells) {
    for (int64_t i = 0; i < 64; ++i) {
        double v = i < n ? x.cell(row + i, feature) : 0.0;
        if (plan.rounds_to_float) v = static_cast<double>(static_cast<float>(v));
        cells.value[i] = v == plan.missing ? std::numeric_limits<double>::quiet_NaN() : v;
    }
}

// The search descends all 64 rows one level at a time: no branch, and no wait for one row's loads.
void search(const double* heap, int levels, const Cells& cells, uint32_t* at) {
    for (int i = 0; i < 64; ++i) at[i] = 1;
    for (int level = 0; level < levels; ++level)
        for (int i = 0; i < 64; ++i) at[i] = 2 * at[i] + static_cast<uint32_t>(!(cells.value[i] <= heap[at[i]]));
}

// The lowest bit of each of 64 bytes, as 64 bits.
uint64_t gather_bits(const uint8_t* bytes, int bit) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) {
        uint64_t eight;
        std::memcpy(&eight, bytes + 8 * i, 8);
        eight = (eight >> bit) & 0x0101010101010101ull;
        bits |= ((eight * 0x0102040810204080ull) >> 56) << (8 * i);  // the product's top byte collects byte j at bit j
    }
    return bits;
}

struct Isa {
    using Plane = portable::Plane;

    static void slice(const int32_t codes[64], int bits, char* to, int64_t plane_bytes) {
        uint8_t bytes[64];
        for (int first = 0; first < bits; first += 8) {
            for (int i = 0; i < 64; ++i) bytes[i] = static_cast<uint8_t>(codes[i] >> first);
            for (int bit = first; bit < bits && bit < first + 8; ++bit) {
                const uint64_t plane = gather_bits(bytes, bit - first);
                std::memcpy(to + bit * plane_bytes, &plane, 8);
            }
        }
    }

    static void bin(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes, char*) {
        Cells cells;
        uint32_t at[64];
        uint8_t low[64], high[64], mark[64];
        for (int64_t first = 0; first < n; first += 64) {
            for (const NumericFeature& f : plan.numeric) {
                const auto put = [&](const uint8_t* bytes, int bit, int64_t plane) {
                    const uint64_t bits = gather_bits(bytes, bit);
                    std::memcpy(codes + first / 8 + plane * plan.plane_bytes, &bits, 8);
                };
                load(plan, x, row + first, n - first, f.feature, cells);
                search(plan.heap64.data() + f.heap, f.levels, cells, at);
                for (int i = 0; i < 64; ++i) low[i] = static_cast<uint8_t>(at[i]);
                for (int level = 0; level < f.levels && level < 8; ++level) put(low, level, f.code_plane + level);
                if (f.levels > 8) {
                    for (int i = 0; i < 64; ++i) high[i] = static_cast<uint8_t>(at[i] >> 8);
                    for (int level = 8; level < f.levels; ++level) put(high, level - 8, f.code_plane + level);
                }
                if (f.needs_nan || f.needs_zero) {
                    for (int i = 0; i < 64; ++i)
                        mark[i] = static_cast<uint8_t>((cells.value[i] != cells.value[i]) |
                                                       (std::fabs(cells.value[i]) <= plan.zero_bound) << 1);
                    put(mark, 0, f.code_plane + f.levels);
                    put(mark, 1, f.code_plane + f.levels + 1);
                }
            }
        }
    }

    // Byte b of `spread` has bit b of its index as its lowest bit.
    static const uint64_t* spread() {
        static constexpr auto TABLE = [] {
            std::array<uint64_t, 256> t{};
            for (uint64_t i = 0; i < 256; ++i)
                for (int b = 0; b < 8; ++b) t[i] |= ((i >> b) & 1u) << (8 * b);
            return t;
        }();
        return TABLE.data();
    }

    static void ids(const char* base, const TreeIds& tree, int id_bits, uint8_t* out, int64_t high_offset) {
        const uint64_t* byte_of = spread();
        for (int first = 0; first < (id_bits > 8 ? 16 : 8); first += 8) {
            uint8_t* to = out + (first ? high_offset : 0);
            const int bits = tree.bits - first < 8 ? tree.bits - first : 8;
            const uint8_t* plane[8];
            for (int b = 0; b < bits; ++b) plane[b] = reinterpret_cast<const uint8_t*>(base) + tree.plane[first + b];
            for (int g = 0; g < 64; ++g) {
                uint64_t id = 0;
                for (int b = 0; b < bits; ++b) id |= byte_of[plane[b][g]] << b;
                std::memcpy(to + 8 * g, &id, 8);
            }
        }
    }

    // Eight rows' sums stay in registers over all trees of a chunk.
    template <class Real>
    static void add(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
        const int64_t entries = int64_t{1} << id_bits;
        for (int64_t first = 0; first < rows; first += 8) {
            const Real* table = reinterpret_cast<const Real*>(tables);
            const uint8_t* id = ids + first;
            Real sum[8];
            std::memcpy(sum, sums + first, sizeof sum);
            for (int64_t t = 0; t < n_trees; ++t, table += entries, id += 2 * rows) {
                if (id_bits <= 8) {
                    for (int i = 0; i < 8; ++i) sum[i] += table[id[i]];
                } else {
                    for (int i = 0; i < 8; ++i) sum[i] += table[id[i] | (id[rows + i] << 8)];
                }
            }
            std::memcpy(sums + first, sum, sizeof sum);
        }
    }

    template <class Real>
    static const uint16_t* row_of() {
        static constexpr auto TABLE = [] {
            std::array<uint16_t, ROWS_PER_VECTOR> t{};
            for (uint16_t i = 0; i < ROWS_PER_VECTOR; ++i) t[i] = i;
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
