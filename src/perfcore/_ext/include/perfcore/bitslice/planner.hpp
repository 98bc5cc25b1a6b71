// From a forest to its plan: questions are sorted and deduplicated, trees numbered, compiled and grouped.
#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include "program.hpp"

namespace perfcore::bitslice {

class Planner {
  public:
    Planner(const ForestView& forest, Leaves leaves) : f_(forest), leaves_(leaves) {}

    // Empty, or why the forest cannot be sliced.
    std::string build(Plan& plan) {
        p_ = &plan;
        if (f_.linear_applies) return "linear leaves";
        for (int64_t t = 0; t < f_.n_trees; ++t)
            if (bits_for(f_.leaf_start[t + 1] - f_.leaf_start[t]) > MAX_ID_BITS)
                return "tree " + std::to_string(t) + " has more than 4,096 leaves";
        plan.sums_in_float = f_.sums_in_float;
        plan.rounds_to_float = f_.rounds_to_float;
        plan.truncates_negative = f_.truncates_negative;
        plan.n_features = f_.n_features;
        plan.n_outputs = f_.n_outputs;
        plan.leaf_width = f_.leaf_width;
        plan.zero_bound = f_.zero_bound;
        plan.missing = f_.missing;
        plan.missing_is_float = static_cast<double>(static_cast<float>(f_.missing)) == f_.missing;
        plan.n_code_planes = plan.largest_table_planes = 0;
        mask_of_node_.resize(f_.n_nodes);
        if (!plan_numeric() || !plan_categorical()) return why_not_;
        plan.n_masks = n_masks_;
        plan.vectors = n_masks_ * 128 <= (1 << 20) ? 2 : 1;  // masks stay in a second-level cache of 1 MB or more
        plan.plane_bytes = 64 * plan.vectors;
        plan_trees();
        const size_t real = f_.sums_in_float ? 4 : 8;
        plan.base.resize(f_.n_outputs * real);
        std::memcpy(plan.base.data(), f_.base, plan.base.size());
        return {};
    }

  private:
    bool refuse(const std::string& why) {
        why_not_ = why;
        return false;
    }

    static int levels_for(int64_t n) {  // n thresholds need n < 2^levels
        int levels = 1;
        while ((int64_t{1} << levels) - 1 < n) ++levels;
        return levels;
    }

    // -- questions -----------------------------------------------------------------------------

    bool plan_numeric() {
        struct Asked {
            int32_t feature;
            uint8_t flags;
            double threshold;  // NaN sorts first, as -infinity never asked
            int32_t node;
        };
        std::vector<Asked> asked;
        for (int64_t i = 0; i < f_.n_nodes; ++i) {
            if (f_.flags[i] & CATEGORICAL) continue;
            double t = f_.threshold[i];
            if (f_.rounds_to_float && !std::isnan(t)) t = floor_float(t);
            asked.push_back({f_.feature[i], static_cast<uint8_t>(f_.flags[i] & (NAN_LEFT | ZERO_MISSING)), t,
                             static_cast<int32_t>(i)});
        }
        const auto key = [](const Asked& a) {
            return std::make_tuple(a.feature, a.flags, !std::isnan(a.threshold),
                                   std::isnan(a.threshold) ? 0.0 : a.threshold);
        };
        std::sort(asked.begin(), asked.end(), [&](const Asked& a, const Asked& b) { return key(a) < key(b); });

        for (size_t begin = 0, end; begin < asked.size(); begin = end) {
            for (end = begin; end < asked.size() && asked[end].feature == asked[begin].feature;) ++end;
            std::vector<double> sorted;
            for (size_t i = begin; i < end; ++i)
                if (!std::isnan(asked[i].threshold)) sorted.push_back(asked[i].threshold);
            std::sort(sorted.begin(), sorted.end());
            sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
            if (levels_for(sorted.size()) > MAX_LEVELS)
                return refuse("feature " + std::to_string(asked[begin].feature) + " has more than 4,095 thresholds");

            NumericFeature numeric{};
            numeric.feature = asked[begin].feature;
            const int32_t group = numeric.feature / 4 * 4;
            if (p_->tile_groups.empty() || p_->tile_groups.back() != group) p_->tile_groups.push_back(group);
            numeric.tile_column = 4 * static_cast<int64_t>(p_->tile_groups.size() - 1) + numeric.feature % 4;
            numeric.question_begin = static_cast<int32_t>(p_->questions.size());
            add_thresholds(numeric, sorted);
            for (size_t i = begin; i < end; ++i) {
                if (i == begin || key(asked[i]) != key(asked[i - 1])) {
                    const bool never = std::isnan(asked[i].threshold);
                    const auto place = std::lower_bound(sorted.begin(), sorted.end(), asked[i].threshold);
                    const auto rank = place - sorted.begin();
                    Question q{};
                    q.never = never;
                    q.high = static_cast<uint16_t>(never ? 0 : rank >> 4);
                    q.low = static_cast<uint16_t>(never ? 0 : (rank & 15) + 1);
                    q.nan_left = (asked[i].flags & NAN_LEFT) != 0;
                    q.zero_missing = (asked[i].flags & ZERO_MISSING) != 0;
                    numeric.needs_nan |= q.nan_left;
                    numeric.needs_zero |= q.zero_missing;
                    p_->questions.push_back(q);
                    ++n_masks_;
                }
                mask_of_node_[asked[i].node] = n_masks_ - 1;
            }
            numeric.question_end = static_cast<int32_t>(p_->questions.size());
            numeric.code_plane = p_->n_code_planes;
            p_->n_code_planes += numeric.levels + 2;
            note_tables(numeric.levels);
            p_->numeric.push_back(numeric);
            if (n_masks_ > MAX_MASKS) return refuse("more than 65,536 distinct questions");
        }
        return true;
    }

    void add_thresholds(NumericFeature& numeric, const std::vector<double>& sorted) {
        const double infinity = std::numeric_limits<double>::infinity();
        numeric.n_thresholds = static_cast<int32_t>(sorted.size());
        numeric.levels = levels_for(sorted.size());
        numeric.heap = static_cast<int64_t>(p_->heap32.size());
        numeric.sorted = static_cast<int64_t>(p_->exact.size());
        const int64_t size = int64_t{1} << numeric.levels;
        const int64_t room = std::max<int64_t>(size, 16);
        p_->heap32.resize(numeric.heap + room, std::numeric_limits<float>::infinity());
        for (int level = 0; level < numeric.levels; ++level) {
            for (int64_t k = 0; k < int64_t{1} << level; ++k) {
                const int64_t at = (2 * k + 1) * (size >> (level + 1)) - 1;
                const double t = at < static_cast<int64_t>(sorted.size()) ? sorted[at] : infinity;
                p_->heap32[numeric.heap + (int64_t{1} << level) + k] = floor_float(t);
            }
        }
        for (int64_t i = 0; i < room; ++i) {
            const double t = i < static_cast<int64_t>(sorted.size()) ? sorted[i] : infinity;
            p_->exact.push_back(t);
            p_->floors.push_back(floor_float(t));
            if (i % 16 == 15) p_->coarse.push_back(p_->floors.back());
        }
    }

    // Tables of the upper bits (less, equal) and of the lower four (less), built for one feature at a time.
    void note_tables(int levels) {
        const int64_t high = int64_t{1} << std::max(0, levels - 4);
        p_->largest_table_planes = std::max<int64_t>(p_->largest_table_planes, 2 * high + 2 * 17);
    }

    bool plan_categorical() {
        std::map<int32_t, std::vector<int32_t>> nodes_of_feature;
        for (int64_t i = 0; i < f_.n_nodes; ++i)
            if (f_.flags[i] & CATEGORICAL) nodes_of_feature[f_.feature[i]].push_back(static_cast<int32_t>(i));
        for (const auto& [feature, nodes] : nodes_of_feature) {
            if (!plan_category(feature, nodes)) return false;
            if (static_cast<int64_t>(p_->pieces.size()) > MAX_PIECES * f_.n_trees)
                return refuse("more than 8,192 pieces of category sets a tree");
        }
        return true;
    }

    // The codes that a node sends the other way than the codes outside its set's range.
    std::vector<int32_t> told_apart(int32_t node) const {
        std::vector<int32_t> codes;
        const int64_t begin = f_.set_start[f_.category[node]], end = f_.set_start[f_.category[node] + 1];
        const uint32_t flip = (f_.flags[node] & OTHER_LEFT) ? ~0u : 0u;
        for (int64_t w = begin; w < end; ++w)
            for (uint32_t word = f_.set_words[w] ^ flip, bit = 0; word; word >>= 1, ++bit)
                if (word & 1u) codes.push_back(static_cast<int32_t>((w - begin) * 32 + bit));
        return codes;
    }

    bool plan_category(int32_t feature, const std::vector<int32_t>& nodes) {
        CategoricalFeature c{};
        c.feature = feature;
        for (const int32_t node : nodes) {
            const int32_t set = f_.category[node];
            c.n_codes = std::max<int64_t>(c.n_codes, (f_.set_start[set + 1] - f_.set_start[set]) * 32);
        }
        if (c.n_codes > (1 << 22))  // one look-up table of 8 MB is the most a feature may take
            return refuse("feature " + std::to_string(feature) + " has category codes above 4,194,304");
        std::vector<uint16_t> rank(c.n_codes, 0);
        std::map<std::tuple<int32_t, uint8_t>, int32_t> mask_of_set;  // nodes may share a large set
        std::map<std::tuple<std::vector<int32_t>, uint8_t>, int32_t> mask_of;
        std::vector<std::vector<int32_t>> codes_of;
        std::vector<uint8_t> flags_of;
        int32_t n_ranks = 1;
        for (const int32_t node : nodes) {
            const uint8_t flags = f_.flags[node] & (NAN_LEFT | OTHER_LEFT);
            const auto [of_set, is_other] = mask_of_set.try_emplace({f_.category[node], flags}, 0);
            if (!is_other) {
                mask_of_node_[node] = of_set->second;
                continue;
            }
            std::vector<int32_t> codes = told_apart(node);
            const auto [at, is_new] = mask_of.try_emplace({codes, flags}, static_cast<int32_t>(codes_of.size()));
            if (is_new) {
                if (n_masks_ + codes_of.size() >= MAX_MASKS) return refuse("more than 65,536 distinct questions");
                for (const int32_t code : codes)
                    if (rank[code] == 0) {
                        if (n_ranks >= (1 << MAX_LEVELS))
                            return refuse("feature " + std::to_string(feature) + " has more than 4,095 categories");
                        rank[code] = static_cast<uint16_t>(n_ranks++);
                    }
                codes_of.push_back(std::move(codes));
                flags_of.push_back(flags);
            }
            mask_of_node_[node] = of_set->second = n_masks_ + at->second;
        }
        c.levels = std::max(4, levels_for(n_ranks - 1));
        c.rank_begin = static_cast<int64_t>(p_->rank_of_code.size());
        p_->rank_of_code.insert(p_->rank_of_code.end(), rank.begin(), rank.end());
        p_->rank_of_code.push_back(0);
        c.code_plane = p_->n_code_planes;
        p_->n_code_planes += c.levels + 1;
        c.digit = codes_of.size() >= 100 ? 3 : codes_of.size() >= 10 ? 2 : 1;
        p_->largest_table_planes = std::max<int64_t>(p_->largest_table_planes, set_planes(c));
        c.question_begin = static_cast<int32_t>(p_->category_questions.size());
        for (size_t q = 0; q < codes_of.size(); ++q) add_category_question(c, codes_of[q], flags_of[q], rank, n_ranks);
        c.question_end = static_cast<int32_t>(p_->category_questions.size());
        n_masks_ += static_cast<int32_t>(codes_of.size());
        p_->categorical.push_back(c);
        return true;
    }

    void add_category_question(const CategoricalFeature& c, const std::vector<int32_t>& codes, uint8_t flags,
                               const std::vector<uint16_t>& rank, int32_t n_ranks) {
        std::vector<bool> told(n_ranks, false);
        for (const int32_t code : codes) told[rank[code]] = true;
        const auto pieces_of = [&](bool wanted) {
            std::vector<SetPiece> pieces;
            for (int32_t first = 0; first < n_ranks; first += 1 << c.digit) {
                uint16_t subset = 0;
                for (int32_t r = first; r < std::min(first + (1 << c.digit), n_ranks); ++r)
                    if (told[r] == wanted) subset = static_cast<uint16_t>(subset | 1 << (r - first));
                // A loop of always the same length is foretold: few pieces are listed even where they are empty.
                if (subset || n_ranks <= 8 << c.digit)
                    pieces.push_back({static_cast<uint16_t>(first >> c.digit), subset});
            }
            return pieces;
        };
        const std::vector<SetPiece> inside = pieces_of(true), outside = pieces_of(false);
        const bool by_outside = outside.size() < inside.size();
        const std::vector<SetPiece>& pieces = by_outside ? outside : inside;
        CategoryQuestion q{};
        q.piece_begin = static_cast<int32_t>(p_->pieces.size());
        p_->pieces.insert(p_->pieces.end(), pieces.begin(), pieces.end());
        q.piece_end = static_cast<int32_t>(p_->pieces.size());
        q.inverted = ((flags & OTHER_LEFT) != 0) != by_outside;
        q.nan_left = (flags & NAN_LEFT) != 0;
        p_->category_questions.push_back(q);
    }

    // -- trees -----------------------------------------------------------------------------------

    void plan_trees() {
        std::vector<int64_t> order(f_.n_trees);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](int64_t a, int64_t b) { return f_.output[a] < f_.output[b]; });
        std::vector<Program> programs;
        std::vector<LeafIds> ids;
        int32_t slots = 1;
        for (const int64_t tree : order) {
            const Shape shape = shape_of(f_, tree);
            ids.push_back(numbering(shape, mask_of_node_));
            programs.push_back(compile(shape, ids.back(), mask_of_node_));
            slots = std::max(slots, programs.back().n_slots);
        }
        p_->n_slots = static_cast<int64_t>(slots) * GROUP_TREES;
        for (size_t begin = 0, end; begin < order.size(); begin = end) {
            for (end = begin; end < order.size() && end - begin < CHUNK_TREES &&
                              f_.output[order[end]] == f_.output[order[begin]];)
                ++end;
            Chunk chunk{};
            chunk.tree_begin = static_cast<int32_t>(begin);
            chunk.tree_end = static_cast<int32_t>(end);
            chunk.output = f_.output[order[begin]];
            chunk.group_begin = static_cast<int32_t>(p_->groups.size());
            for (size_t g = begin; g < end; g += GROUP_TREES)
                add_group(programs, g, std::min(g + GROUP_TREES, end), slots);
            chunk.group_end = static_cast<int32_t>(p_->groups.size());
            add_tables(chunk, order, ids);
            p_->chunks.push_back(chunk);
        }
    }

    uint32_t offset(int32_t ref, int32_t first_slot) const {
        int64_t plane;
        if (ref == ZERO) {
            plane = 0;
        } else if (ref == ONE) {
            plane = 1;
        } else if (ref >= FIRST_MASK) {
            plane = 2 + p_->n_slots + (ref - FIRST_MASK);
        } else {
            plane = 2 + first_slot + ref;
        }
        return static_cast<uint32_t>(plane * p_->plane_bytes);
    }

    void add_group(const std::vector<Program>& programs, size_t begin, size_t end, int32_t slots) {
        Group group{};
        group.tree_begin = static_cast<int32_t>(begin);
        group.tree_end = static_cast<int32_t>(end);
        group.op_begin = static_cast<int32_t>(p_->ops.size());
        size_t longest = 0;
        for (size_t t = begin; t < end; ++t) longest = std::max(longest, programs[t].ops.size());
        for (size_t i = 0; i < longest; ++i)
            for (size_t t = begin; t < end; ++t)
                if (i < programs[t].ops.size()) {
                    const Op& op = programs[t].ops[i];
                    const int32_t first = static_cast<int32_t>(t - begin) * slots;
                    p_->ops.push_back({offset(static_cast<int32_t>(op.mask), first),
                                       offset(static_cast<int32_t>(op.a), first),
                                       offset(static_cast<int32_t>(op.b), first),
                                       offset(static_cast<int32_t>(op.dst), first)});
                }
        group.op_end = static_cast<int32_t>(p_->ops.size());
        for (size_t t = begin; t < end; ++t) {
            TreeIds ids{};
            ids.bits = static_cast<int32_t>(programs[t].id.size());
            for (int32_t b = 0; b < ids.bits; ++b)
                ids.plane[b] = offset(programs[t].id[b], static_cast<int32_t>(t - begin) * slots);
            p_->trees.push_back(ids);
        }
        p_->groups.push_back(group);
    }

    void add_tables(Chunk& chunk, const std::vector<int64_t>& order, const std::vector<LeafIds>& ids) {
        chunk.id_bits = leaves_ == Leaves::plain ? 0 : 4;
        for (int32_t t = chunk.tree_begin; t < chunk.tree_end; ++t)
            chunk.id_bits = std::max(chunk.id_bits, p_->trees[t].bits);
        const int64_t real = f_.sums_in_float ? 4 : 8, entries = int64_t{1} << chunk.id_bits;
        int64_t piece = real;  // bytes of a value that lie together
        if (leaves_ == Leaves::split && real == 8 && chunk.id_bits <= 6) piece = 4;
        if (leaves_ == Leaves::bytes && chunk.id_bits <= (real == 8 ? 5 : 6)) piece = 1;
        chunk.table = static_cast<int64_t>(p_->tables.size());
        const int64_t n_trees = chunk.tree_end - chunk.tree_begin;
        p_->tables.resize(chunk.table + f_.leaf_width * n_trees * entries * real, 0);
        for (int32_t column = 0; column < f_.leaf_width; ++column)
            for (int64_t t = 0; t < n_trees; ++t) {
                char* table = p_->tables.data() + chunk.table + (column * n_trees + t) * entries * real;
                const int64_t tree = order[chunk.tree_begin + t];
                for (int32_t leaf = 0; leaf < f_.leaf_start[tree + 1] - f_.leaf_start[tree]; ++leaf) {
                    const int64_t from = (int64_t{f_.leaf_start[tree]} + leaf) * f_.leaf_width + column;
                    const LeafIds& of_tree = ids[chunk.tree_begin + t];
                    const int32_t code = of_tree.code[leaf], any = of_tree.any[leaf];
                    const char* value = static_cast<const char*>(f_.value) + from * real;
                    for (int32_t some = any, last = 0; !last; last = some == 0, some = (some - 1) & any)
                        for (int64_t at = 0; at < real; at += piece)
                            std::memcpy(table + entries * at + (code | some) * piece, value + at, piece);
                }
            }
    }

    const ForestView& f_;
    const Leaves leaves_;
    std::string why_not_;
    Plan* p_ = nullptr;
    int32_t n_masks_ = 0;
    std::vector<int32_t> mask_of_node_;
};

}  // namespace perfcore::bitslice
