// A whole number's digits, as CatBoost writes them before it hashes them (util/string/cast.h, ToString).
#pragma once

#include <charconv>
#include <cstdint>

namespace perfcore::decimals {

constexpr int MOST = 20;  // -2^63 and 2^64 - 1

template <class Number>
int write(char* to, Number number) {
    return static_cast<int>(std::to_chars(to, to + MOST, number).ptr - to);
}

}  // namespace perfcore::decimals
