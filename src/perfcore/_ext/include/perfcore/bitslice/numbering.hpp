// Which id each leaf of a tree gets: the fewer bits change from leaf to leaf, the fewer instructions a tree takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../forest.hpp"

namespace perfcore::bitslice {

// One tree by itself.
struct Shape {
    std::vector<int32_t> node, left, right;  // local; < 0: ~leaf (local)
    std::vector<int32_t> post;               // post order
    int32_t n_leaves;
};

inline Shape shape_of(const ForestView& forest, int64_t tree) {
    Shape s;
    const int32_t first_leaf = forest.leaf_start[tree];
    s.n_leaves = forest.leaf_start[tree + 1] - first_leaf;
    const int32_t root = forest.root[tree], n = s.n_leaves - 1;
    for (int32_t i = 0; i < n; ++i) {
        const int32_t l = forest.left[root + i], r = forest.right[root + i];
        s.node.push_back(root + i);
        s.left.push_back(l >= 0 ? l - root : ~(~l - first_leaf));
        s.right.push_back(r >= 0 ? r - root : ~(~r - first_leaf));
    }
    std::vector<int32_t> stack;
    if (n > 0) stack.push_back(0);
    while (!stack.empty()) {  // node, right, left; reversed below
        const int32_t i = stack.back();
        stack.pop_back();
        s.post.push_back(i);
        if (s.left[i] >= 0) stack.push_back(s.left[i]);
        if (s.right[i] >= 0) stack.push_back(s.right[i]);
    }
    std::reverse(s.post.begin(), s.post.end());
    return s;
}

// Leaf numbers from left to right in Gray code, and what they cost in instructions.
struct Numbering {
    explicit Numbering(const Shape& shape)
        : s(shape), flipped(s.post.size(), 0), first(s.post.size()), varies(s.post.size()), value(s.post.size()),
          code(s.n_leaves, 0) {
        if (s.n_leaves > 1) renumber(0, 0);
    }

    // Number the leaves below a node from a position on.
    void renumber(int32_t node, int32_t position) {
        stack.assign(1, node);
        while (!stack.empty()) {
            const int32_t i = stack.back();
            stack.pop_back();
            if (i < 0) {
                code[~i] = position ^ (position >> 1);
                ++position;
            } else {
                first[i] = position;
                stack.push_back(flipped[i] ? s.left[i] : s.right[i]);
                stack.push_back(flipped[i] ? s.right[i] : s.left[i]);
            }
        }
    }

    // One for every bit that varies below a node, or that is 0 on its left and 1 on its right.
    int64_t cost(size_t post_begin, size_t post_end) {
        int64_t cost = 0;
        for (size_t at = post_begin; at < post_end; ++at) {
            const int32_t i = s.post[at], l = s.left[i], r = s.right[i];
            const int32_t below = (l >= 0 ? varies[l] : 0) | (r >= 0 ? varies[r] : 0);
            const int32_t left = l >= 0 ? value[l] : code[~l], right = r >= 0 ? value[r] : code[~r];
            const int32_t differ = (left ^ right) & ~below;
            cost += popcount(below) + popcount(differ & ~left);
            varies[i] = below | differ;
            value[i] = left;
        }
        return cost;
    }

    static int popcount(uint32_t x) {
        int n = 0;
        for (; x; x &= x - 1) ++n;
        return n;
    }

    const Shape& s;
    std::vector<char> flipped;
    std::vector<int32_t> first, varies, value, code, stack;
};

// The ids of a symmetric tree, as CatBoost grows them: every level asks one question, and that question's mask is an
// id bit as it stands, so that the tree takes no instruction at all. Empty for other trees.
inline std::vector<int32_t> numbering_by_level(const Shape& s, const std::vector<int32_t>& mask_of_node) {
    std::vector<int32_t> code(s.n_leaves), front(1, 0), path(1, 0);  // front: the nodes of one level; path: their ids
    for (int level = 0; !s.post.empty(); ++level) {
        std::vector<int32_t> children, paths;
        for (size_t i = 0; i < front.size(); ++i) {
            const int32_t node = front[i];
            if ((node < 0) != (front[0] < 0)) return {};
            if (node < 0) {
                code[~node] = path[i];
                continue;
            }
            if (mask_of_node[s.node[node]] != mask_of_node[s.node[front[0]]]) return {};
            children.insert(children.end(), {s.left[node], s.right[node]});
            paths.insert(paths.end(), {path[i] | 1 << level, path[i]});
        }
        if (children.empty()) return code;
        front.swap(children);
        path.swap(paths);
    }
    return {};
}

// A short climb over flips of children. A flip is judged by the largest subtree of up to 64 leaves around it, so
// that the climb is linear in the leaves.
inline std::vector<int32_t> numbering(const Shape& s, const std::vector<int32_t>& mask_of_node) {
    std::vector<int32_t> by_level = numbering_by_level(s, mask_of_node);
    if (!by_level.empty()) return by_level;
    Numbering numbering(s);
    const size_t n = s.post.size();
    std::vector<size_t> begin(n), around(n, 0);  // around: 1 + the place of the subtree that judges; 0: none
    std::vector<int32_t> leaves(n);
    for (size_t at = 0; at < n; ++at) {
        const int32_t i = s.post[at];
        const auto below = [&](int32_t child) { return child >= 0 ? leaves[child] : 1; };
        leaves[i] = below(s.left[i]) + below(s.right[i]);
        begin[at] = at + 2 - static_cast<size_t>(leaves[i]);  // a subtree is a run of the post order
    }
    for (size_t at = n; at-- > 0;) {
        if (around[at] == 0 && leaves[s.post[at]] <= 64)
            for (size_t inside = begin[at]; inside <= at; ++inside) around[inside] = at + 1;
    }
    for (size_t end = 0; end < n; ++end) {
        if (around[end] != end + 1) continue;
        int64_t best = numbering.cost(begin[end], end + 1);
        for (int pass = 0; pass < 3; ++pass) {
            bool improved = false;
            for (size_t at = end + 1; at-- > begin[end];) {  // from the top down
                const int32_t i = s.post[at];
                numbering.flipped[i] ^= 1;
                numbering.renumber(i, numbering.first[i]);
                const int64_t cost = numbering.cost(begin[end], end + 1);
                if (cost < best) {
                    best = cost;
                    improved = true;
                } else {
                    numbering.flipped[i] ^= 1;
                    numbering.renumber(i, numbering.first[i]);
                }
            }
            if (!improved) break;
        }
    }
    return numbering.code;
}

}  // namespace perfcore::bitslice
