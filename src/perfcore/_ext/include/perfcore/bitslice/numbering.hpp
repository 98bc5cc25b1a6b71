// Which ids each leaf of a tree gets, so that the tree takes few instructions.
//
// Below a node, its own mask can be one id bit, which takes no instruction: 1 to the left, 0 to the right. The bits
// that the two subtrees need for themselves are shared, an instruction for each that both use; one that only the
// deeper subtree uses stays as it is, whatever it says on the other side: leaves there have several ids.
//
//   node ─┬─ A                 A  1 * *
//         └─ node ─┬─ B        B  0 1 *        no instruction at all
//                  └─ node ─┬─ C        0 0 1
//                           └─ D        0 0 0
//
// That takes as many bits as the tree is deep. A tree may only have as many as its leaves need, though: with more, its
// tables outgrow registers and caches, which costs what the instructions save (31 leaves: 56 instructions with 5 bits,
// 42 with 7, 34 with 8). So some subtrees' leaves are numbered in Gray code, in as few bits as there can be; what costs
// least is found from the leaves up.
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

// A leaf has every id that agrees with `code` outside the bits of `any`.
struct LeafIds {
    int32_t bits;
    std::vector<int32_t> code, any;
};

inline int32_t bits_for(int64_t n) {
    int32_t bits = 0;
    while ((int64_t{1} << bits) < n) ++bits;
    return bits;
}

// Leaf numbers from left to right in Gray code, and what they cost in instructions. A subtree's nodes are a run of the
// post order, from begin to the node itself.
struct Gray {
    explicit Gray(const Shape& shape)
        : s(shape), begin(s.post.size()), leaves(s.post.size()), parent(s.post.size(), -1), flipped(s.post.size(), 0),
          first(s.post.size()), varies(s.post.size()), value(s.post.size()), paid(s.post.size()), code(s.n_leaves, 0) {
        for (size_t at = 0; at < s.post.size(); ++at) {
            const int32_t i = s.post[at];
            for (const int32_t child : {s.left[i], s.right[i]})
                if (child >= 0) parent[child] = i;
            leaves[i] = leaves_of(s.left[i]) + leaves_of(s.right[i]);
            begin[i] = at + 2 - static_cast<size_t>(leaves[i]);
        }
    }

    int32_t leaves_of(int32_t child) const { return child >= 0 ? leaves[child] : 1; }

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

    // What a node's choice costs: one for every bit that varies below it, or that is 0 on its left and 1 on its right.
    // Returned is by how much that is more than before.
    int64_t recost(int32_t i) {
        const int32_t l = s.left[i], r = s.right[i];
        const int32_t below = (l >= 0 ? varies[l] : 0) | (r >= 0 ? varies[r] : 0);
        const int32_t left = l >= 0 ? value[l] : code[~l], right = r >= 0 ? value[r] : code[~r];
        const int32_t differ = (left ^ right) & ~below, before = paid[i];
        varies[i] = below | differ;
        value[i] = left;
        paid[i] = popcount(below) + popcount(differ & ~left);
        return paid[i] - before;
    }

    // The same of all nodes of this stretch of the post order, summed up.
    int64_t recost(size_t post_begin, size_t post_end) {
        int64_t more = 0;
        for (size_t at = post_begin; at < post_end; ++at) more += recost(s.post[at]);
        return more;
    }

    int32_t price(size_t post_begin, size_t post_end) const {
        int32_t sum = 0;
        for (size_t at = post_begin; at < post_end; ++at) sum += paid[s.post[at]];
        return sum;
    }

    static int popcount(uint32_t x) {  // of up to MAX_ID_BITS bits
        x -= x >> 1 & 0x5555;
        x = (x & 0x3333) + (x >> 2 & 0x3333);
        x = (x + (x >> 4)) & 0x0f0f;
        return static_cast<int>((x + (x >> 8)) & 31);
    }

    // Flips the children of the node at this place of the post order if that costs less, up to the node `root`.
    bool try_flip(size_t at, int32_t root) {
        const int32_t i = s.post[at];
        const auto flip = [&] {
            flipped[i] ^= 1;
            renumber(i, first[i]);
            int64_t more = recost(begin[i], at + 1);
            for (int32_t above = i; above != root;) more += recost(above = parent[above]);
            return more;
        };
        if (flip() < 0) return true;
        flip();
        return false;
    }

    // A short climb over flips below the node at this place of the post order. A flip is judged by the largest subtree
    // of up to 64 leaves around it, so that the climb is linear in the leaves.
    void climb(size_t root) {
        renumber(s.post[root], 0);
        for (size_t end = root + 1; end > begin[s.post[root]];) {
            const size_t from = begin[s.post[end - 1]];
            if (leaves[s.post[end - 1]] > 64) {
                --end;
                continue;
            }
            recost(from, end);
            for (int pass = 0, improved = 1; pass < 3 && improved; ++pass) {
                improved = 0;
                for (size_t at = end; at-- > from;) improved |= try_flip(at, s.post[end - 1]);  // top down
            }
            end = from;
        }
    }

    const Shape& s;
    std::vector<size_t> begin;
    std::vector<int32_t> leaves, parent;
    std::vector<char> flipped;
    std::vector<int32_t> first, varies, value, paid, code, stack;
};

// The ids of a symmetric tree, as CatBoost grows them: every level asks one question, and that question's mask is an
// id bit as it stands, so that the tree takes no instruction at all. Empty for other trees.
inline std::vector<int32_t> codes_by_level(const Shape& s, const std::vector<int32_t>& mask_of_node) {
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

// How each subtree is numbered, for every number of bits that it may take.
class Numbering {
  public:
    explicit Numbering(const Shape& s)
        : s_(s), gray_(s), most_(bits_for(s.n_leaves)), width_(static_cast<size_t>(most_) + 1) {
        cost_.assign(s.post.size() * width_, NEVER);
        split_.assign(s.post.size() * width_, Split{-1, -1});
        depth_.assign(s.post.size(), 0);
        for (size_t at = s.post.size(); at-- > 0;)
            for (const int32_t child : {s.left[s.post[at]], s.right[s.post[at]]})
                if (child >= 0) depth_[child] = depth_[s.post[at]] + 1;
        for (size_t at = 0; at < s.post.size(); ++at) plan(at);
    }

    LeafIds ids() {
        LeafIds ids{most_, std::vector<int32_t>(s_.n_leaves, 0), std::vector<int32_t>(s_.n_leaves, 0)};
        std::vector<Place> stack;
        if (s_.n_leaves > 1) stack.push_back({0, most_, 0, 0});
        while (!stack.empty()) {
            const Place p = stack.back();
            stack.pop_back();
            if (p.node < 0) {
                ids.code[~p.node] = p.code;
                ids.any[~p.node] = p.any;
                continue;
            }
            const Split split = split_[p.node * width_ + p.bits];
            if (split.left < 0) {
                number(p, ids);
            } else {
                const auto unused = [&](int32_t used) { return (1 << (p.bits - 1)) - (1 << used); };
                stack.push_back({s_.left[p.node], split.left, p.code | 1 << (p.bits - 1), p.any | unused(split.left)});
                stack.push_back({s_.right[p.node], split.right, p.code, p.any | unused(split.right)});
            }
        }
        return ids;
    }

  private:
    static constexpr int32_t NEVER = 1 << 28;
    static constexpr int32_t LARGE = 256;  // leaves

    struct Split {  // bits of the children; -1: Gray code
        int32_t left, right;
    };

    struct Place {
        int32_t node, bits, code, any;
    };

    int32_t cost(int32_t child, int32_t bits) const {
        return child >= 0 ? cost_[child * width_ + bits] : bits == 0 ? 0 : NEVER;
    }

    void plan(size_t at) {
        const int32_t i = s_.post[at], l = s_.left[i], r = s_.right[i];
        const auto offer = [&](int32_t bits, int32_t cost, Split split) {
            if (cost >= cost_[i * width_ + bits]) return;
            cost_[i * width_ + bits] = cost;
            split_[i * width_ + bits] = split;
        };
        for (int32_t b = 1; b <= most_; ++b)
            for (int32_t fewer = 0; fewer < b; ++fewer) {
                offer(b, cost(l, b - 1) + cost(r, fewer) + fewer, {b - 1, fewer});
                offer(b, cost(l, fewer) + cost(r, b - 1) + fewer, {fewer, b - 1});
            }
        const int32_t least = bits_for(gray_.leaves[i]);
        // Every node above takes a bit. A large subtree that too few are left for is not looked at: along a chain, each
        // look is as long as what lies below.
        if (gray_.leaves[i] > LARGE && depth_[i] + least > most_) return;
        gray_.renumber(i, 0);
        gray_.recost(gray_.begin[i], at + 1);
        gray_.try_flip(at, i);
        offer(least, gray_.price(gray_.begin[i], at + 1), {-1, -1});
    }

    void number(const Place& p, LeafIds& ids) {
        const size_t root = gray_.begin[p.node] + static_cast<size_t>(gray_.leaves[p.node]) - 2;
        gray_.climb(root);
        for (size_t at = gray_.begin[p.node]; at <= root; ++at)
            for (const int32_t child : {s_.left[s_.post[at]], s_.right[s_.post[at]]})
                if (child < 0) {
                    ids.code[~child] = p.code | gray_.code[~child];
                    ids.any[~child] = p.any;
                }
    }

    const Shape& s_;
    Gray gray_;
    const int32_t most_;
    const size_t width_;
    std::vector<int32_t> cost_, depth_;
    std::vector<Split> split_;
};

inline LeafIds numbering(const Shape& s, const std::vector<int32_t>& mask_of_node) {
    std::vector<int32_t> by_level = codes_by_level(s, mask_of_node);
    if (by_level.empty()) return Numbering(s).ids();
    return {bits_for(s.n_leaves), std::move(by_level), std::vector<int32_t>(s.n_leaves, 0)};
}

}  // namespace perfcore::bitslice
