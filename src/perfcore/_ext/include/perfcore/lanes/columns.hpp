// Which columns a forest asks for, and which column and key each of its nodes does.
#pragma once

#include <algorithm>
#include <tuple>

#include "plan.hpp"

namespace perfcore::lanes {

struct Question {
    int32_t column, key, rank;
};

class ColumnPlanner {
  public:
    ColumnPlanner(const ForestView& forest, Plan& plan) : f_(forest), p_(plan), question_(forest.n_nodes) {}

    // Byte codes; where they take more than 256 columns, 32-bit ones.
    void build() {
        sort_nodes();
        p_.code_end = 255;
        p_.form = Form::narrow;
        find_columns();
        if (p_.n_columns() > BYTE_COLUMNS) widen();
    }

    void widen() {
        p_.form = Form::wide;
        p_.code_end = std::numeric_limits<int32_t>::max();
        find_columns();
    }

    const std::vector<Question>& questions() const { return question_; }

  private:
    struct Asked {
        int32_t feature;
        bool zero_missing, nan_left;
        double threshold;
        int32_t node, rank;
    };

    // By feature, threshold (NaN, that no cell reaches, first).
    void sort_nodes() {
        asked_.reserve(f_.n_nodes);
        for (int64_t i = 0; i < f_.n_nodes; ++i) {
            double t = f_.threshold[i];
            if (f_.rounds_to_float && !std::isnan(t)) t = static_cast<double>(floor_float(t));
            asked_.push_back({f_.feature[i], (f_.flags[i] & ZERO_MISSING) != 0, (f_.flags[i] & NAN_LEFT) != 0, t,
                              static_cast<int32_t>(i), 0});
        }
        const auto key = [](const Asked& a) {
            const bool number = !std::isnan(a.threshold);
            return std::make_tuple(a.feature, number, number ? a.threshold : 0.0);
        };
        std::sort(asked_.begin(), asked_.end(), [&](const Asked& a, const Asked& b) { return key(a) < key(b); });
    }

    void find_columns() {
        p_.searches.clear();
        p_.columns.clear();
        p_.floors.clear();
        p_.exact.clear();
        for (size_t begin = 0, end; begin < asked_.size(); begin = end) {
            for (end = begin; end < asked_.size() && asked_[end].feature == asked_[begin].feature;) ++end;
            add_search(begin, end);
            for (const bool zero_missing : {false, true}) add_columns(begin, end, zero_missing);
        }
        p_.single_column = p_.columns.size() == p_.searches.size();
        p_.any_zero_missing = false;
        for (const Column& column : p_.columns) p_.any_zero_missing |= column.zero_missing;
    }

    void add_search(size_t begin, size_t end) {
        std::vector<double> sorted;
        for (size_t i = begin; i < end; ++i) {
            const double t = asked_[i].threshold;
            if (sorted.empty() || (t != sorted.back() && !(std::isnan(t) && std::isnan(sorted.back()))))
                sorted.push_back(t);
            asked_[i].rank = static_cast<int32_t>(sorted.size() - 1);
        }
        Search search{asked_[begin].feature, 0, {}};
        if (p_.form == Form::narrow || !f_.rounds_to_float) add_levels(search, std::move(sorted));
        p_.searches.push_back(search);
    }

    // Every level ends with infinity, so that no number's way leads out of it.
    void add_levels(Search& search, std::vector<double> sorted) {
        const double infinity = std::numeric_limits<double>::infinity();
        std::vector<std::vector<double>> levels;
        if (sorted.size() > 16) sorted.push_back(infinity);
        for (;;) {
            sorted.resize((sorted.size() + 15) / 16 * 16, infinity);
            levels.push_back(sorted);
            if (sorted.size() == 16) break;
            std::vector<double> last;
            for (size_t i = 15; i < sorted.size(); i += 16) last.push_back(sorted[i]);
            sorted = std::move(last);
        }
        search.levels = static_cast<int32_t>(levels.size());
        for (int32_t i = 0; i < search.levels; ++i) {
            const std::vector<double>& level = levels[search.levels - 1 - i];
            search.level[i] = static_cast<int32_t>(p_.exact.size());
            for (const double t : level) {
                p_.exact.push_back(t);
                p_.floors.push_back(floor_float(t));
            }
        }
    }

    // Of each stretch of ranks that codes tell apart: one column where one code sends missing cells to the right side
    // at every node, else one for nodes that send them left and one for the others.
    void add_columns(size_t begin, size_t end, bool zero_missing) {
        const int32_t search = static_cast<int32_t>(p_.searches.size() - 1);
        const auto counts = [&](const Asked& a) { return a.zero_missing == zero_missing; };
        for (size_t first = begin, last; first < end; first = last) {
            const int32_t stretch = asked_[first].rank / p_.code_end;
            int32_t last_right = -1, first_left = p_.code_end;
            for (last = first; last < end && asked_[last].rank / p_.code_end == stretch; ++last) {
                const Asked& a = asked_[last];
                if (!counts(a)) continue;
                const int32_t rank = a.rank - stretch * p_.code_end;
                if (a.nan_left) first_left = std::min(first_left, rank);
                if (!a.nan_left) last_right = std::max(last_right, rank);
            }
            const bool any_left = first_left < p_.code_end, any_right = last_right >= 0;
            if (!any_left && !any_right) continue;
            const int32_t number = static_cast<int32_t>(p_.columns.size());
            const int32_t low = stretch * p_.code_end;
            const bool bytes = p_.form == Form::narrow;
            const int32_t least = bytes ? 0 : std::numeric_limits<int32_t>::min();
            const bool one = bytes ? last_right < first_left : !(any_left && any_right);
            if (one) {
                const int32_t between = bytes ? last_right + 1 : least;
                p_.columns.push_back({search, low, any_left ? between : p_.code_end, zero_missing});
            } else {
                p_.columns.push_back({search, low, least, zero_missing});
                p_.columns.push_back({search, low, p_.code_end, zero_missing});
            }
            for (size_t i = first; i < last; ++i)
                if (counts(asked_[i])) {
                    const Asked& a = asked_[i];
                    const int32_t rank = a.rank - low;
                    const int32_t cell = std::isnan(a.threshold) ? least : key_of(floor_float(a.threshold));
                    question_[a.node] = {number + (!one && !a.nan_left), bytes ? rank : cell, rank};
                }
        }
    }

    const ForestView& f_;
    Plan& p_;
    std::vector<Asked> asked_;
    std::vector<Question> question_;
};

}  // namespace perfcore::lanes
