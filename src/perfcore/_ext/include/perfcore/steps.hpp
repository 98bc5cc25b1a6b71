// The steps from margins to an answer: divide, shift, link, and choose a class; whole tables and single rows alike.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "links.hpp"

namespace perfcore {

// Which class a row belongs to: the column of the largest number, by numpy's argmax or by std::max_element, which
// part over NaN; or whether its one number is above a threshold, or at it.
enum class Choice : int { none = 0, argmax = 1, max_element = 2, above = 3, from = 4 };

struct Steps {
    double divisor;  // of a forest that averages; 0: none
    double shift;    // added then; 0: none
    links::Link link;
    double scale;  // of the logistic link
    bool both;     // the one column is p, and the answer 1 - p and p
    Choice choice;
    double threshold;
};

namespace steps {

// Margins (n, k) in place.
template <typename Real>
inline void link(const Steps& s, Real* x, int64_t n, int64_t k) {
    if (s.divisor != 0.0)
        for (int64_t i = 0; i < n * k; ++i) x[i] /= static_cast<Real>(s.divisor);
    if (s.shift != 0.0)
        for (int64_t i = 0; i < n * k; ++i) x[i] += static_cast<Real>(s.shift);
    links::apply(s.link, s.scale, x, n, k);
}

// As numpy: the first of the largest, or the first NaN.
template <typename Real>
inline int64_t argmax(const Real* x, int64_t k) {
    int64_t best = 0;
    for (int64_t j = 1; j < k && !std::isnan(x[best]); ++j)
        if (!(x[j] <= x[best])) best = j;
    return best;
}

// The class of one linked row.
template <typename Real>
inline int64_t choose(const Steps& s, const Real* x, int64_t k) {
    if (s.choice == Choice::above) return x[0] > static_cast<Real>(s.threshold);
    if (s.choice == Choice::from) return x[0] >= static_cast<Real>(s.threshold);
    if (s.choice == Choice::max_element) return std::max_element(x, x + k) - x;
    if (!s.both) return argmax(x, k);
    const Real columns[2] = {Real{1} - x[0], x[0]};
    return argmax(columns, 2);
}

// n linked numbers at x become rows of two there; or, by columns, at x - n and x.
template <typename Real>
inline void widen(Real* x, int64_t n, bool by_columns) {
    if (by_columns) {
        for (int64_t i = 0; i < n; ++i) x[i - n] = Real{1} - x[i];
        return;
    }
    for (int64_t i = n - 1; i >= 0; --i) {
        const Real p = x[i];
        x[2 * i + 1] = p;
        x[2 * i] = Real{1} - p;
    }
}

}  // namespace steps
}  // namespace perfcore
