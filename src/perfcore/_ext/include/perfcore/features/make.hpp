// From a kind's name to a feature: each family of features asks whether the kind is one of its own.
#pragma once

#include "cross_section.hpp"
#include "ewm.hpp"
#include "extrema.hpp"
#include "moments.hpp"
#include "order.hpp"
#include "shift.hpp"
#include "ta.hpp"

namespace perfcore::features {

inline std::unique_ptr<Feature> make(const Spec& spec) {
    for (const auto family :
         {make_shift, make_moments, make_extremum, make_order, make_ewm, make_map, make_apply, make_group, make_ta})
        if (auto feature = family(spec)) return feature;
    return nullptr;
}

}  // namespace perfcore::features
