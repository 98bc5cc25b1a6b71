// CityHash64 of CityHash version 1.0, as CatBoost has it (util/digest/city.cpp); later versions of CityHash differ.
//
// Copyright (c) 2011 Google, Inc., by Geoff Pike and Jyrki Alakuijala
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
// documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
// rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
// persons to whom the Software is furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
// Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
// WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
// COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
// OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace perfcore::city {

constexpr uint64_t K0 = 0xc3a5c85c97cb3127u, K1 = 0xb492b66fbe98f273u, K2 = 0x9ae16a3b2f90404fu,
                   K3 = 0xc949d7c7509e6557u;

struct Pair {
    uint64_t first, second;
};

// Numbers are read least byte first: CatBoost itself runs on no other machines.
inline uint64_t fetch64(const char* s) {
    uint64_t x;
    std::memcpy(&x, s, 8);
    return x;
}

inline uint64_t fetch32(const char* s) {
    uint32_t x;
    std::memcpy(&x, s, 4);
    return x;
}

inline uint64_t rotate(uint64_t x, unsigned by) { return by == 0 ? x : x >> by | x << (64 - by); }

inline uint64_t shift_mix(uint64_t x) { return x ^ x >> 47; }

inline uint64_t hash16(uint64_t u, uint64_t v) {
    constexpr uint64_t MUL = 0x9ddfea08eb382d69u;
    const uint64_t a = shift_mix((u ^ v) * MUL), b = shift_mix((v ^ a) * MUL);
    return b * MUL;
}

inline uint64_t hash_to_16(const char* s, size_t n) {
    if (n > 8) {
        const uint64_t a = fetch64(s), b = fetch64(s + n - 8);
        return hash16(a, rotate(b + n, static_cast<unsigned>(n))) ^ b;
    }
    if (n >= 4) return hash16(n + (fetch32(s) << 3), fetch32(s + n - 4));
    if (n == 0) return K2;
    const auto byte = [s](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(s[i])); };
    const uint32_t y = byte(0) + (byte(n >> 1) << 8), z = static_cast<uint32_t>(n) + (byte(n - 1) << 2);
    return shift_mix(y * K2 ^ z * K3) * K2;
}

inline uint64_t hash_to_32(const char* s, size_t n) {
    const uint64_t a = fetch64(s) * K1, b = fetch64(s + 8), c = fetch64(s + n - 8) * K2, d = fetch64(s + n - 16) * K0;
    return hash16(rotate(a - b, 43) + rotate(c, 30) + d, a + rotate(b ^ K3, 20) - c + n);
}

inline Pair weak32(const char* s, uint64_t a, uint64_t b) {
    a += fetch64(s);
    b = rotate(b + a + fetch64(s + 24), 21);
    const uint64_t c = a;
    a += fetch64(s + 8) + fetch64(s + 16);
    return {a + fetch64(s + 24), b + rotate(a, 44) + c};
}

// Half of hash_to_64: 32 bytes at s, begun with a.
inline Pair half_of_64(const char* s, uint64_t a, uint64_t z) {
    uint64_t b = rotate(a + z, 52), c = rotate(a, 37);
    a += fetch64(s + 8);
    c += rotate(a, 7);
    a += fetch64(s + 16);
    return {a + z, b + rotate(a, 31) + c};
}

inline uint64_t hash_to_64(const char* s, size_t n) {
    const Pair v = half_of_64(s, fetch64(s) + (n + fetch64(s + n - 16)) * K0, fetch64(s + 24));
    const Pair w = half_of_64(s + n - 32, fetch64(s + 16) + fetch64(s + n - 32), fetch64(s + n - 8));
    const uint64_t r = shift_mix((v.first + w.second) * K2 + (w.first + v.second) * K0);
    return shift_mix(r * K0 + v.second) * K2;
}

inline uint64_t hash64(const char* s, size_t n) {
    if (n <= 16) return hash_to_16(s, n);
    if (n <= 32) return hash_to_32(s, n);
    if (n <= 64) return hash_to_64(s, n);
    uint64_t x = fetch64(s), y = fetch64(s + n - 16) ^ K1, z = fetch64(s + n - 56) ^ K0;
    Pair v = weak32(s + n - 64, n, y), w = weak32(s + n - 32, n * K1, K0);
    z += shift_mix(v.second) * K1;
    x = rotate(z + x, 39) * K1;
    y = rotate(y, 33) * K1;
    for (size_t rest = (n - 1) & ~size_t{63}; rest != 0; rest -= 64, s += 64) {
        x = rotate(x + y + v.first + fetch64(s + 16), 37) * K1;
        y = rotate(y + v.second + fetch64(s + 48), 42) * K1;
        x ^= w.second;
        y ^= v.first;
        z = rotate(z ^ w.first, 33);
        v = weak32(s, v.second * K1, x + w.first);
        w = weak32(s + 32, z + w.second, y);
        std::swap(z, x);
    }
    return hash16(hash16(v.first, w.first) + shift_mix(y) * K1 + z, hash16(v.second, w.second) + x);
}

// What CatBoost keeps of a category's text (libs/cat_feature/cat_feature.cpp).
inline uint32_t category(const char* s, size_t n) { return static_cast<uint32_t>(hash64(s, n)); }

}  // namespace perfcore::city
