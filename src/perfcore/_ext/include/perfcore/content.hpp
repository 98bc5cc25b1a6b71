// A digest of memory at the speed of memory, to notice edits; not against those who seek collisions.
//
// Four lanes take a word each in turn, by XXH64's round: for a given lane, a bijection of the word, so that the edit
// of a single word always shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace perfcore {

struct Digest {
    std::uint64_t a = 0x9E3779B185EBCA87u, b = 0xC2B2AE3D27D4EB4Fu;

    static std::uint64_t rotated(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

    static std::uint64_t round(std::uint64_t lane, std::uint64_t word) {
        return rotated(lane + word * 0xC2B2AE3D27D4EB4Fu, 31) * 0x9E3779B185EBCA87u;
    }

    void add(std::uint64_t word) {
        a = round(a, word);
        b = rotated(b ^ word * 0x165667B19E3779F9u, 27) * 0x9E3779B185EBCA87u + 0x85EBCA77C2B2AE63u;
    }

    void add(const char* data, std::size_t n) {
        add(n);
        std::uint64_t lane[4] = {a + 1, b + 2, a ^ 3, b ^ 4}, word[4];
        for (; n >= sizeof word; n -= sizeof word, data += sizeof word) {
            std::memcpy(word, data, sizeof word);
            for (int i = 0; i < 4; ++i) lane[i] = round(lane[i], word[i]);
        }
        for (std::uint64_t each : lane) add(each);
        std::memset(word, 0, sizeof word);
        std::memcpy(word, data, n);
        for (std::uint64_t each : word) add(each);
    }
};

}  // namespace perfcore
