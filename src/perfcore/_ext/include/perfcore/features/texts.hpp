// Codes of texts, numbered as they appear: 0 1 0 2 of "b" "a" "b" "c". They lie as in Arrow, text i from offsets[i] to
// offsets[i + 1] of the bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace perfcore::features {

// A text's length and two words of it: of one of up to 16 bytes they are all of it, of a longer one a hash.
struct TextKey {
    static constexpr uint64_t WHOLE = 16, FACTOR = 0x9E3779B97F4A7C15;

    TextKey() = default;
    TextKey(const char* at, uint64_t length) : length(length), low(0), high(0) {
        if (length > WHOLE) {
            for (uint64_t i = 0; i + 8 < length; i += 8) low = mixed(low ^ word<uint64_t>(at + i));
            high = word<uint64_t>(at + length - 8);
        } else if (length >= 8) {  // the two may overlap
            low = word<uint64_t>(at);
            high = word<uint64_t>(at + length - 8);
        } else if (length >= 4) {
            low = word<uint32_t>(at);
            high = word<uint32_t>(at + length - 4);
        } else if (length > 0) {
            low = word<uint8_t>(at) | word<uint8_t>(at + length / 2) << 8 | word<uint8_t>(at + length - 1) << 16;
        }
    }
    uint64_t hash() const { return mixed(mixed(low + length) ^ high); }
    bool operator==(const TextKey& other) const {
        return length == other.length && low == other.low && high == other.high;
    }

    template <typename Word>
    static uint64_t word(const char* at) {
        Word word;
        std::memcpy(&word, at, sizeof word);
        return word;
    }
    static uint64_t mixed(uint64_t x) {
        x *= FACTOR;
        x ^= x >> 32;
        return x * FACTOR ^ x >> 29;
    }

    uint64_t length, low, high;
};

// `absent` null: there is a text in each row; else its code is -1. Returns each code's first row. Throws std::bad_alloc.
template <typename Offset>
std::vector<int64_t> encode_texts(const Offset* offsets, const char* bytes, const uint8_t* absent, int64_t n, int64_t* codes) {
    struct Slot {
        TextKey key;
        int64_t code = -1;
    };
    std::vector<int64_t> firsts;
    std::vector<Slot> slots(1024);
    const auto is_same = [&](const Slot& slot, const TextKey& key, int64_t row) {
        if (!(slot.key == key)) return false;
        if (key.length <= TextKey::WHOLE) return true;
        return std::memcmp(bytes + offsets[firsts[size_t(slot.code)]], bytes + offsets[row], size_t(key.length)) == 0;
    };
    const auto grow = [&] {
        std::vector<Slot> larger(slots.size() * 2);
        for (const Slot& slot : slots) {
            if (slot.code < 0) continue;
            size_t at = size_t(slot.key.hash()) & (larger.size() - 1);
            while (larger[at].code >= 0) at = (at + 1) & (larger.size() - 1);
            larger[at] = slot;
        }
        slots.swap(larger);
    };
    size_t at = 0;  // the slot of the row before, as the next one often has the same text
    for (int64_t i = 0; i < n; i++) {
        if (absent != nullptr && absent[i]) {
            codes[i] = -1;
            continue;
        }
        const TextKey key(bytes + offsets[i], uint64_t(offsets[i + 1] - offsets[i]));
        if (slots[at].code < 0 || !is_same(slots[at], key, i)) {
            at = size_t(key.hash()) & (slots.size() - 1);
            while (slots[at].code >= 0 && !is_same(slots[at], key, i)) at = (at + 1) & (slots.size() - 1);
        }
        if (slots[at].code < 0) {
            slots[at].key = key;
            slots[at].code = int64_t(firsts.size());
            firsts.push_back(i);
        }
        codes[i] = slots[at].code;
        if (firsts.size() * 4 > slots.size()) {  // few texts share a slot: a wrong guess costs more than memory
            grow();
            at = 0;
        }
    }
    return firsts;
}

}  // namespace perfcore::features
