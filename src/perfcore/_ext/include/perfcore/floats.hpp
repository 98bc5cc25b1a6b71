// Numbers brought to a form that is sooner compared, without changing what a comparison says.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace perfcore {

// The largest float not above t: for a float x, x <= t exactly where x <= floor_float(t).
inline float floor_float(double t) {
    const float f = static_cast<float>(t);
    return static_cast<double>(f) > t ? std::nextafterf(f, -std::numeric_limits<float>::infinity()) : f;
}

template <class Real>
using Key = std::conditional_t<sizeof(Real) == 4, int32_t, int64_t>;

// A whole number that is as large among those of other numbers as x is; never the least or the greatest.
template <class Real>
inline Key<Real> key_of(Real x) {
    x += Real{0};  // -0.0 is 0.0
    Key<Real> bits;
    std::memcpy(&bits, &x, sizeof x);
    return bits ^ ((bits >> (8 * sizeof bits - 1)) & std::numeric_limits<Key<Real>>::max());
}

}  // namespace perfcore
