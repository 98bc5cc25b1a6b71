// The bit-sliced forest in plain C++: planes are eight words, which any compiler turns into what its baseline has.
#include "perfcore/bitslice/bitslice.hpp"
#include "perfcore/bitslice/block.hpp"

namespace perfcore::bitslice::portable {
namespace {

struct Plane {
    uint64_t word[8];

    static Plane load(const char* at) {
        Plane p;
        std::memcpy(p.word, at, 64);
        return p;
    }
    static void store(char* at, const Plane& p) { std::memcpy(at, p.word, 64); }
    static Plane zeros() { return Plane{}; }
    static Plane ones() { return Plane{{~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}}; }
    static Plane both(const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < 8; ++i) p.word[i] = a.word[i] & b.word[i];
        return p;
    }
    static Plane either(const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < 8; ++i) p.word[i] = a.word[i] | b.word[i];
        return p;
    }
    static Plane andnot(const Plane& a, const Plane& b) {  // ~a & b
        Plane p;
        for (int i = 0; i < 8; ++i) p.word[i] = ~a.word[i] & b.word[i];
        return p;
    }
    static Plane or_and(const Plane& a, const Plane& b, const Plane& c) {
        Plane p;
        for (int i = 0; i < 8; ++i) p.word[i] = a.word[i] | (b.word[i] & c.word[i]);
        return p;
    }
    static Plane select(const Plane& mask, const Plane& a, const Plane& b) {
        Plane p;
        for (int i = 0; i < 8; ++i) p.word[i] = b.word[i] ^ (mask.word[i] & (a.word[i] ^ b.word[i]));
        return p;
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

struct Isa {
    using Plane = portable::Plane;

    static uint64_t position_of(int row) { return static_cast<uint64_t>(row); }

    static void bin(const Plan& plan, const Table& x, int64_t row, int64_t n, char* codes) {
        Cells cells;
        uint32_t at[64];
        for (int64_t first = 0; first < n; first += 64) {
            char* word = codes + first / 8;
            for (const NumericFeature& f : plan.numeric) {
                load(plan, x, row + first, n - first, f.feature, cells);
                search(plan.heap64.data() + f.heap, f.levels, cells, at);
                for (int level = 0; level < f.levels; ++level) {
                    uint64_t bits = 0;
                    for (int i = 0; i < 64; ++i) bits |= static_cast<uint64_t>((at[i] >> level) & 1u) << i;
                    std::memcpy(word + (f.code_plane + level) * plan.plane_bytes, &bits, 8);
                }
                uint64_t nan = 0, zero = 0;
                for (int i = 0; i < 64 && f.needs_nan; ++i) nan |= static_cast<uint64_t>(std::isnan(cells.value[i])) << i;
                for (int i = 0; i < 64 && f.needs_zero; ++i)
                    zero |= static_cast<uint64_t>(std::fabs(cells.value[i]) <= plan.zero_bound) << i;
                std::memcpy(word + (f.code_plane + f.levels) * plan.plane_bytes, &nan, 8);
                std::memcpy(word + (f.code_plane + f.levels + 1) * plan.plane_bytes, &zero, 8);
            }
        }
    }

    // Byte b of `spread` has bit b of its index as its lowest bit.
    static const uint64_t* spread() {
        static const auto table = [] {
            std::vector<uint64_t> t(256);
            for (uint64_t i = 0; i < 256; ++i)
                for (int b = 0; b < 8; ++b) t[i] |= ((i >> b) & 1u) << (8 * b);
            return t;
        }();
        return table.data();
    }

    static void ids(const char* base, const TreeIds& tree, int id_bits, uint8_t* out, int64_t high_offset) {
        const uint64_t* byte_of = spread();
        for (int first = 0; first < (id_bits > 8 ? 16 : 8); first += 8) {
            uint8_t* to = out + (first ? high_offset : 0);
            const int bits = tree.bits - first < 8 ? tree.bits - first : 8;
            uint64_t id[64] = {};
            for (int b = 0; b < bits; ++b) {
                const uint8_t* plane = reinterpret_cast<const uint8_t*>(base) + tree.plane[first + b];
                for (int g = 0; g < 64; ++g) id[g] |= byte_of[plane[g]] << b;
            }
            std::memcpy(to, id, 512);
        }
    }

    template <class Real>
    static void add(const uint8_t* ids, int64_t n_trees, int64_t rows, const char* tables, int id_bits, Real* sums) {
        const Real* table = reinterpret_cast<const Real*>(tables);
        for (int64_t t = 0; t < n_trees; ++t, table += int64_t{1} << id_bits, ids += 2 * rows) {
            if (id_bits <= 8) {
                for (int64_t i = 0; i < rows; ++i) sums[i] += table[ids[i]];
            } else {
                for (int64_t i = 0; i < rows; ++i) sums[i] += table[ids[i] | (ids[rows + i] << 8)];
            }
        }
    }

    template <class Real>
    static const uint16_t* row_of() {
        static const auto table = [] {
            std::vector<uint16_t> t(ROWS_PER_VECTOR);
            std::iota(t.begin(), t.end(), uint16_t{0});
            return t;
        }();
        return table.data();
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    if (plan.sums_in_float) {
        Block<Isa, float>(plan, scratch).predict(x, begin, end, static_cast<float*>(out));
    } else {
        Block<Isa, double>(plan, scratch).predict(x, begin, end, static_cast<double*>(out));
    }
}

}  // namespace perfcore::bitslice::portable
