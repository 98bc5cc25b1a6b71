// Walks by ordinary instructions: eight at a time, which wait for memory together.
#pragma once

#include "plan.hpp"

namespace perfcore::lanes {

constexpr int WALKS = 8;

// step(at) takes a walk one node further and returns that node's distance, 0 at a leaf. Where leaves lie at all depths,
// looking every other step whether all walks have ended saves more than it costs.
template <class Isa, class Step>
inline void walk_all(uint64_t (&at)[WALKS], bool even, int32_t depth, const Step& step) {
    if (even) {
        for (; depth > 0; --depth)
            for (int lane = 0; lane < WALKS; ++lane) step(at[lane]);
        return;
    }
    for (uint32_t moved = 1; moved;) {
        moved = 0;
        for (int lane = 0; lane < WALKS; ++lane) step(at[lane]);
        for (int lane = 0; lane < WALKS; ++lane) moved |= step(at[lane]);
    }
}

// Leaves of 64 trees. Codes lie eight bits higher than a node's key and column, so that one comparison of 16 bits asks
// the question.
template <class Isa>
inline void narrow_walks(const Plan& p, const uint16_t* codes, int64_t tree, uint32_t* leaves) {
    const uint32_t* nodes = p.narrow.data();
    for (int64_t t = tree; t < tree + 64 && t < p.n_trees; t += WALKS, leaves += WALKS) {
        uint64_t at[WALKS];
        for (int lane = 0; lane < WALKS; ++lane) at[lane] = p.root[t + lane];
        walk_all<Isa>(at, p.even, p.depth[t / WALKS], [&](uint64_t& a) {
            const uint32_t node = nodes[a], distance = node >> 16;
            a += distance + static_cast<uint64_t>(static_cast<uint16_t>(node) < codes[static_cast<uint8_t>(node)]);
            return distance;
        });
        for (int lane = 0; lane < WALKS; ++lane) {
            const uint32_t last = nodes[at[lane]] & 0xff;
            leaves[lane] = p.first_leaf[t + lane] + (p.numbers_aside ? nodes[at[lane] + last] : last);
        }
    }
}

template <class Isa>
inline void wide_walks(const Plan& p, const WideNode* nodes, const int32_t* codes, int64_t tree, uint32_t* leaves) {
    const int shift = p.column_bits;
    const uint32_t mask = (1u << shift) - 1;
    for (int64_t t = tree; t < tree + 64 && t < p.n_trees; t += WALKS, leaves += WALKS) {
        uint64_t at[WALKS];
        for (int lane = 0; lane < WALKS; ++lane) at[lane] = p.root[t + lane];
        walk_all<Isa>(at, p.even, p.depth[t / WALKS], [&](uint64_t& a) {
            const WideNode node = nodes[a];
            const uint32_t distance = node.link >> shift;
            a += distance + static_cast<uint64_t>(codes[node.link & mask] > node.key);
            return distance;
        });
        for (int lane = 0; lane < WALKS; ++lane) {
            const uint32_t last = nodes[at[lane]].link & mask;
            leaves[lane] =
                p.first_leaf[t + lane] + (p.numbers_aside ? static_cast<uint32_t>(nodes[at[lane] + last].key) : last);
        }
    }
}

}  // namespace perfcore::lanes
