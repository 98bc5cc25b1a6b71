// Keys, exact: a node holds the integer itself, or a copy of the bytes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace perfcore::cache {

inline uint64_t high_product(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
    return uint64_t((static_cast<unsigned __int128>(a) * b) >> 64);
#else
    const uint64_t a0 = uint32_t(a), a1 = a >> 32, b0 = uint32_t(b), b1 = b >> 32;
    const uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + uint32_t(middle);
    return a1 * b1 + (middle >> 32) + (other >> 32);
#endif
}

inline uint64_t folded(uint64_t a, uint64_t b) { return a * b ^ high_product(a, b); }

// What a caller hands over: either integers, or bytes in Arrow's layout.
struct KeyBatch {
    const int64_t* integers = nullptr;
    const int64_t* offsets = nullptr;
    const char* data = nullptr;
};

// Integers: the mix is a bijection (the finalizer of MurmurHash3), so different keys have different hashes.
struct Integers {
    using Ref = int64_t;
    const int64_t* keys;

    explicit Integers(const KeyBatch& batch) : keys(batch.integers) {}

    Ref operator[](int64_t i) const { return keys[i]; }
    static uint64_t hash(Ref key, uint64_t seed) {
        uint64_t h = uint64_t(key) ^ seed;
        h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
        h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
        return h ^ h >> 33;
    }
    static bool equal(uint64_t word, Ref key, uint64_t) { return word == uint64_t(key); }
    static uint64_t kept(Ref key, uint64_t) { return uint64_t(key); }
    static uint64_t hash_of(uint64_t word, uint64_t seed) { return hash(int64_t(word), seed); }
    static void forget(uint64_t) {}
    static int64_t nbytes(uint64_t) { return 0; }
    static uint64_t copied(uint64_t word) { return word; }
    template <class Log>
    static void write(uint64_t word, Log& log) {
        log.integers.push_back(int64_t(word));
    }
};

struct Bytes {
    const char* data;
    int64_t size;
};

// Strings and bytes, in Arrow's layout: key i is data[offsets[i] .. offsets[i + 1]).
struct Strings {
    using Ref = Bytes;
    const int64_t* offsets;
    const char* data;

    explicit Strings(const KeyBatch& batch) : offsets(batch.offsets), data(batch.data) {}

    struct Kept {
        uint64_t hash;
        int64_t size;
        char* bytes() { return reinterpret_cast<char*>(this + 1); }
    };

    Ref operator[](int64_t i) const { return {data + offsets[i], offsets[i + 1] - offsets[i]}; }

    // Multiply and fold, 16 bytes at a time, seeded: wyhash's way.
    static uint64_t hash(Ref key, uint64_t seed) {
        const char* at = key.data;
        int64_t left = key.size;
        uint64_t h = seed ^ folded(seed ^ 0xa0761d6478bd642fULL, uint64_t(key.size) ^ 0xe7037ed1a0b428dbULL);
        for (; left > 16; left -= 16, at += 16) h = folded(word(at, 8) ^ 0x8ebc6af09c88c6e3ULL, word(at + 8, 8) ^ h);
        const uint64_t a = word(at, left < 8 ? left : 8), b = left > 8 ? word(at + 8, left - 8) : 0;
        return folded(folded(a ^ 0x589965cc75374cc3ULL, b ^ h), h ^ 0x1d8e4e27c47d124fULL);
    }
    static bool equal(uint64_t word, Ref key, uint64_t hash) {
        Kept* kept = reinterpret_cast<Kept*>(word);
        return kept->hash == hash && kept->size == key.size && !std::memcmp(kept->bytes(), key.data, size_t(key.size));
    }
    static uint64_t kept(Ref key, uint64_t hash) {
        void* memory = std::malloc(sizeof(Kept) + size_t(key.size));
        if (memory == nullptr) throw std::bad_alloc();
        Kept* kept = new (memory) Kept{hash, key.size};
        if (key.size) std::memcpy(kept->bytes(), key.data, size_t(key.size));
        return reinterpret_cast<uint64_t>(kept);
    }
    static uint64_t hash_of(uint64_t word, uint64_t) { return reinterpret_cast<Kept*>(word)->hash; }
    static void forget(uint64_t word) { std::free(reinterpret_cast<Kept*>(word)); }
    static int64_t nbytes(uint64_t word) {
        return word == 0 ? 0 : int64_t(sizeof(Kept)) + reinterpret_cast<Kept*>(word)->size;
    }
    static uint64_t copied(uint64_t word) {
        Kept* of = reinterpret_cast<Kept*>(word);
        return kept({of->bytes(), of->size}, of->hash);
    }
    template <class Log>
    static void write(uint64_t word, Log& log) {
        Kept* of = reinterpret_cast<Kept*>(word);
        log.text.append(of->bytes(), size_t(of->size));
        log.ends.push_back(int64_t(log.text.size()));
    }

private:
    static uint64_t word(const char* at, int64_t n) {
        uint64_t w = 0;
        std::memcpy(&w, at, size_t(n));
        return w;
    }
};

}  // namespace perfcore::cache
