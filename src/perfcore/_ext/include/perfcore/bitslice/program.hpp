// A tree as straight-line code on planes: for every node and id bit, `mask ? left : right` where that says anything.
#pragma once

#include "numbering.hpp"
#include "plan.hpp"

namespace perfcore::bitslice {

// What one id bit is at a node: a constant, whatever it may be, a mask, or a slot.
enum : int32_t { ZERO = -1, ONE = -2, ANY = -3, FIRST_MASK = 1 << 24 };

struct Program {
    std::vector<Op> ops;  // operands as refs: constants, masks, slots
    std::vector<int32_t> id;
    int32_t n_slots = 0;
};

inline Program compile(const Shape& s, const LeafIds& ids, const std::vector<int32_t>& mask_of_node) {
    Program program;
    std::vector<int32_t> free;
    std::vector<std::vector<int32_t>> refs(s.post.size());
    const auto release = [&](int32_t ref) {
        if (ref >= 0 && ref < FIRST_MASK) free.push_back(ref);
    };
    const auto operand = [&](int32_t child, int bit) -> int32_t {
        if (child >= 0) return refs[child][bit];
        return (ids.any[~child] >> bit) & 1 ? ANY : (ids.code[~child] >> bit) & 1 ? ONE : ZERO;
    };
    for (const int32_t i : s.post) {
        const int32_t mask = FIRST_MASK + mask_of_node[s.node[i]];
        std::vector<int32_t> own(ids.bits);
        for (int bit = 0; bit < ids.bits; ++bit) {
            const int32_t a = operand(s.left[i], bit), b = operand(s.right[i], bit);
            if (a == b || b == ANY) {
                own[bit] = a;
            } else if (a == ANY) {
                own[bit] = b;
            } else if (a == ONE && b == ZERO) {
                own[bit] = mask;
            } else {
                release(a);
                release(b);
                int32_t slot;
                if (free.empty()) {
                    slot = program.n_slots++;
                } else {
                    slot = free.back();
                    free.pop_back();
                }
                own[bit] = slot;
                program.ops.push_back({static_cast<uint32_t>(mask), static_cast<uint32_t>(a),
                                       static_cast<uint32_t>(b), static_cast<uint32_t>(slot)});
            }
        }
        for (const int32_t child : {s.left[i], s.right[i]})
            if (child >= 0) std::vector<int32_t>().swap(refs[child]);
        refs[i] = std::move(own);
    }
    program.id = s.post.empty() ? std::vector<int32_t>() : refs[0];
    return program;
}

}  // namespace perfcore::bitslice
