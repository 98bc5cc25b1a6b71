// One forest, the kernels it can run on, and the choice between them.
#pragma once

#include "forest.hpp"
#include "threads.hpp"
#include "walk.hpp"

namespace perfcore {

class Kernel {
  public:
    Kernel(const ForestView& forest, bool) : forest_(forest) {}

    Status predict(const Table& x, void* out, int n_threads) const {
        return forest_.sums_in_float ? predict_as<float>(x, out, n_threads) : predict_as<double>(x, out, n_threads);
    }

    Status leaves(const Table& x, int32_t* out, int n_threads) const {
        return in_pieces(x.n, 1024, n_threads, [&](int64_t begin, int64_t end) {
            walk::leaves(forest_, x, begin, end, out + begin * forest_.n_trees);
            return Status::ok;
        });
    }

  private:
    template <typename Real>
    Status predict_as(const Table& x, void* out, int n_threads) const {
        return in_pieces(x.n, 1024, n_threads, [&](int64_t begin, int64_t end) {
            walk::predict(forest_, x, begin, end, static_cast<Real*>(out) + begin * forest_.n_outputs);
            return Status::ok;
        });
    }

    ForestView forest_;
};

}  // namespace perfcore
