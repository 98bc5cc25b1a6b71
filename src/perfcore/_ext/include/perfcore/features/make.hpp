// From a kind's name to a feature: each family of features asks whether the kind is one of its own.
#pragma once

#include "moments.hpp"
#include "shift.hpp"

namespace perfcore::features {

inline std::unique_ptr<Feature> make(const Spec& spec) {
    for (const auto family : {make_shift, make_moments})
        if (auto feature = family(spec)) return feature;
    return nullptr;
}

}  // namespace perfcore::features
