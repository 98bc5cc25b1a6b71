// Technical indicators by kind and convention.
#pragma once

#include "adx.hpp"
#include "atr.hpp"
#include "bollinger.hpp"
#include "ema.hpp"
#include "obv.hpp"
#include "rsi.hpp"
#include "sifted.hpp"
#include "stoch.hpp"
#include "wma.hpp"

namespace perfcore::features {

template <Convention convention>
std::unique_ptr<Feature> make_ta_as(const Spec& spec) {
    constexpr bool talib = convention == Convention::TALIB, pandas = convention == Convention::PANDAS;
    using Rule = std::conditional_t<talib, Fused, std::conditional_t<pandas, Towards, Weights>>;
    const int64_t n = spec.integer("n", 14);
    if (spec.kind == "ema") return std::make_unique<Ema<Rule>>(spec, ema<Rule>(n, talib));
    if (spec.kind == "macd") return std::make_unique<Macd<Rule>>(spec, talib, talib);
    if (spec.kind == "obv") return std::make_unique<Obv>(spec, talib);
    if (spec.kind == "stoch") return std::make_unique<Sifted>(spec, std::make_unique<Stoch<convention>>(spec));
    if constexpr (talib) {
        if (spec.kind == "rsi") return std::make_unique<Rsi<Wilder, convention>>(spec, wilder(n));
        if (spec.kind == "atr") return std::make_unique<Atr<FusedWeights, convention, false>>(spec, fused_wilder(n));
        if (spec.kind == "natr") return std::make_unique<Atr<FusedWeights, convention, true>>(spec, fused_wilder(n));
        if (spec.kind == "adx") return std::make_unique<Adx>(spec, n);
    } else {
        if (spec.kind == "rsi") return std::make_unique<Rsi<Rule, convention>>(spec, rma<Rule>(n, !pandas));
        if (spec.kind == "atr") return std::make_unique<Atr<Rule, convention, false>>(spec, rma<Rule>(n, !pandas));
        if (spec.kind == "adx") return std::make_unique<Dmi>(spec, n);
    }
    return nullptr;
}

// Those over windows have rows, min_periods and ddof of the spec; conventions have no part in them.
inline std::unique_ptr<Feature> make_windowed(const Spec& spec) {
    if (spec.kind == "sma") return moment(spec, "mean");
    if (spec.kind == "wma") return of_moments<Ramp, SayRamp>(spec);
    if (spec.kind == "bollinger") return std::make_unique<Bollinger>(spec);
    return nullptr;
}

inline std::unique_ptr<Feature> make_ta(const Spec& spec) {
    if (auto inner = make_windowed(spec)) return std::make_unique<Sifted>(spec, std::move(inner));
    switch (Convention(spec.integer("convention", 0))) {
        case Convention::TALIB: return make_ta_as<Convention::TALIB>(spec);
        case Convention::TRADINGVIEW: return make_ta_as<Convention::TRADINGVIEW>(spec);
        default: return make_ta_as<Convention::PANDAS>(spec);
    }
}

}  // namespace perfcore::features
