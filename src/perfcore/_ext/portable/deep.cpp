// The deep forest in plain C++.
#include <array>
#include <type_traits>

#include "perfcore/deep/deep.hpp"
#include "perfcore/deep/block.hpp"

namespace perfcore::deep::portable {
namespace {

struct Isa : Plain<Isa> {
    static uint32_t count_bits(uint32_t bits) {  // of 16
        static constexpr auto OF_BYTE = [] {
            std::array<uint8_t, 256> t{};
            for (int i = 1; i < 256; ++i) t[i] = static_cast<uint8_t>(t[i / 2] + i % 2);
            return t;
        }();
        return OF_BYTE[bits & 255] + OF_BYTE[bits >> 8];
    }
};

}  // namespace

void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out) {
    predict_on<Isa>(plan, x, begin, end, scratch, out);
}

}  // namespace perfcore::deep::portable
