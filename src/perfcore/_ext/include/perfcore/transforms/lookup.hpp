// From the bytes of a text to its code: an open table of hashes over texts that lie end to end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace perfcore::transforms {

inline uint64_t hash_of(const char* text, int64_t size) {
    uint64_t hash = 0x9E3779B97F4A7C15ull ^ static_cast<uint64_t>(size);
    const auto mix = [&](uint64_t part) {
        hash = (hash ^ part) * 0xD6E8FEB86659FD93ull;
        hash ^= hash >> 32;
    };
    for (; size >= 8; text += 8, size -= 8) {
        uint64_t part;
        std::memcpy(&part, text, 8);
        mix(part);
    }
    uint64_t rest = 0;
    std::memcpy(&rest, text, static_cast<size_t>(size));
    mix(rest);
    return hash;
}

class Texts {
public:
    // A text twice: the first counts.
    void add(const char* text, int64_t size, int32_t code) {
        if ((entries_.size() + 1) * 2 > slots_.size()) grow();
        entries_.push_back({hash_of(text, size), static_cast<int64_t>(bytes_.size()), size, code});
        bytes_.append(text, static_cast<size_t>(size));
        place(static_cast<int32_t>(entries_.size()) - 1);
    }

    int32_t find(const char* text, int64_t size, int32_t unknown) const {
        if (slots_.empty()) return unknown;
        const uint64_t hash = hash_of(text, size);
        for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
            if (slots_[at] < 0) return unknown;
            const Entry& entry = entries_[static_cast<size_t>(slots_[at])];
            if (entry.hash == hash && entry.size == size &&
                std::memcmp(bytes_.data() + entry.start, text, static_cast<size_t>(size)) == 0)
                return entry.code;
        }
    }

private:
    struct Entry {
        uint64_t hash;
        int64_t start, size;
        int32_t code;
    };

    void grow() {
        slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, -1);
        mask_ = slots_.size() - 1;
        for (size_t i = 0; i < entries_.size(); ++i) place(static_cast<int32_t>(i));
    }

    void place(int32_t entry) {
        size_t at = entries_[static_cast<size_t>(entry)].hash & mask_;
        while (slots_[at] >= 0) at = (at + 1) & mask_;
        slots_[at] = entry;
    }

    std::vector<Entry> entries_;
    std::vector<int32_t> slots_;
    std::string bytes_;
    size_t mask_ = 0;
};

// Codes of an Arrow column of texts: n of them from `offset` on; `valid` is null where all are.
template <typename Offset>
inline void codes_of(const Texts& texts, const uint8_t* valid, const Offset* offsets, const char* data, int64_t offset,
                     int64_t n, int32_t missing, int32_t unknown, int32_t* out) {
    for (int64_t i = 0; i < n; ++i) {
        const int64_t at = offset + i;
        if (valid && !(valid[at >> 3] >> (at & 7) & 1))
            out[i] = missing;
        else
            out[i] = texts.find(data + offsets[at], static_cast<int64_t>(offsets[at + 1] - offsets[at]), unknown);
    }
}

}  // namespace perfcore::transforms
