// Few rows in plain C++.
#include "perfcore/lanes/lanes.hpp"
#include "perfcore/lanes/predict.hpp"
#include "perfcore/lanes/scalar.hpp"

namespace perfcore::lanes::portable {
namespace {

struct Isa {
    static constexpr int LANES = 0;  // no sets: every tree is walked
    using NarrowCode = uint16_t;

    template <class Number>
    static int32_t above(const Number* pivots, Number x) {
#if defined(__GNUC__)
        typedef Number Numbers __attribute__((vector_size(16), may_alias));  // a register of every 64-bit baseline
        constexpr int SIZE = 16 / sizeof(Number);
        const Numbers* blocks = reinterpret_cast<const Numbers*>(pivots);
        const Numbers cell = x - Numbers{};
        auto below = cell <= blocks[0];  // -1 where it holds
        for (int i = 1; i < 16 / SIZE; ++i) below += cell <= blocks[i];
        for (int i = 1; i < SIZE; ++i) below[0] += below[i];
        return 16 + static_cast<int32_t>(below[0]);
#else
        int32_t n = 0;
        for (int i = 0; i < 16; ++i) n += !(x <= pivots[i]);
        return n;
#endif
    }
    static void narrow(const Plan& p, const uint16_t* codes, int64_t tree, uint32_t* leaves) {
        narrow_walks<Isa>(p, codes, tree, leaves);
    }
    static void wide(const Plan& p, const WideNode* nodes, const int32_t* codes, int64_t tree, uint32_t* leaves) {
        wide_walks<Isa>(p, nodes, codes, tree, leaves);
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_all<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::lanes::portable
