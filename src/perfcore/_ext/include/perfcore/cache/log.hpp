// Entries, written down one after another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace perfcore::cache {

struct Log {
    std::vector<int64_t> integers, ends;  // keys; of strings, where each ends in ``text``
    std::string text;
    std::vector<char> rows;
    std::vector<uint8_t> expired;

    void forget_last(int64_t row_bytes) {
        rows.resize(rows.size() - size_t(row_bytes));
        expired.pop_back();
        if (!integers.empty()) return integers.pop_back();
        ends.pop_back();
        text.resize(ends.empty() ? 0 : size_t(ends.back()));
    }
};

}  // namespace perfcore::cache
