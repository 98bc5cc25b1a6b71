// The states of many entities: all features of one side by side in a slot, the slots of many in chunks.
//
//     entities      level 0: first rooms              level 1: twice the room           level 2 ...
//     0 ─────────▶ ┌ time, rows │ state │ state ┐
//     1 ───────┐   ├ ···························┤
//     2 ─────┐ │   └ (free) ····················┘
//            │ └───────────────────────────────▶ ┌ time, rows │ state  · │ state  · ┐
//            └──▶ ...
//
// Windows of time hold any number of rows: where one of them has no room for a row, its entity moves a level up. With
// Late::REVISE a slot holds its states twice: as they are, and as they were before the last row.
#pragma once

#include <mutex>

#include "plan.hpp"

namespace perfcore::features {

// What becomes of a row with an earlier time than its entity's last: refused, left out; or, where it has the same time,
// it takes the last one's place (and is refused where it is earlier).
enum class Late : int { RAISE, DROP, REVISE };

class Store {
public:
    Store(const Plan& plan, Late late, bool has_times) : plan_(plan), late_(late), has_times_(has_times) {}
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    int64_t size() const { return int64_t(entities_.size()); }

    // A new entity, without rows; its number is the size before. Throws std::bad_alloc.
    void add() {
        char* slot = take(0);
        new (slot) Head{INT64_MIN, 0};
        for (int copy = 0; copy < copies(); copy++)
            for (size_t u = 0; u < plan_.uses().size(); u++) feature(u).reset(state(slot, 0, u, copy), room(u, 0));
        entities_.push_back({slot, 0});
    }

    // Undoes the last calls of add().
    void shrink_to(int64_t n) {
        for (; size() > n; entities_.pop_back()) give(entities_.back().slot, entities_.back().level);
    }

    bool is_late(int64_t entity, int64_t time) const { return has_times_ && time < head(entity).time; }
    int64_t last_time(int64_t entity) const { return head(entity).time; }
    int64_t n_rows(int64_t entity) const { return head(entity).n_rows; }

    // One row, not late; `cells` by the plan's columns, `out` by its outputs. Throws std::bad_alloc, and nothing changes:
    // a level has room for a row more than any state of the level below, and that is all that a row needs.
    void update(int64_t entity, const double* cells, int64_t time, double* out) {
        if (grows_) have_slot(entities_[size_t(entity)].level + 1);
        take_row(entity, cells, time, out);
    }

    // What update() would say; -1: of an entity without rows. Throws std::bad_alloc.
    void peek(int64_t entity, const double* cells, int64_t time, double* out) const {
        double taken[MAX_INPUTS];
        std::vector<uint64_t> scratch, larger;
        const bool again = entity >= 0 && late_ == Late::REVISE && has_times_ && n_rows(entity) > 0 && time == last_time(entity);
        for (size_t u = 0; u < plan_.uses().size(); u++) {
            const Use& use = plan_.uses()[u];
            for (size_t j = 0; j < use.columns.size(); j++) taken[j] = cells[use.columns[j]];
            int level = entity < 0 ? 0 : entities_[size_t(entity)].level;
            scratch.resize(feature(u).state_bytes(room(u, level)) / sizeof(uint64_t));
            if (entity < 0) feature(u).reset(scratch.data(), room(u, level));
            else std::memcpy(scratch.data(), state(entities_[size_t(entity)].slot, level, u, again), 8 * scratch.size());
            while (!feature(u).step(scratch.data(), taken, time, out + use.first_output)) {
                check_grows(u, level++);
                larger.resize(feature(u).state_bytes(room(u, level)) / sizeof(uint64_t));
                feature(u).reset(larger.data(), room(u, level));
                feature(u).move_to(scratch.data(), larger.data(), room(u, level));
                scratch.swap(larger);
            }
        }
    }

    // Whether the rows (entity -1: none of these) are in time, one after another. Else the first that is not, or -1.
    int64_t first_late(const int64_t* entities, const int64_t* times, int64_t n) {
        if (!has_times_ || late_ == Late::DROP) return -1;
        std::vector<std::pair<int64_t, int64_t>> times_before;
        times_before.reserve(size_t(n));  // nothing is thrown while times are changed
        int64_t found = -1;
        for (int64_t i = 0; i < n && found < 0; i++) {
            if (entities[i] < 0) continue;
            int64_t& time = reinterpret_cast<Head*>(entities_[size_t(entities[i])].slot)->time;
            if (times[i] < time) found = i;
            else if (times[i] != time) {
                times_before.push_back({entities[i], time});
                time = times[i];
            }
        }
        for (; !times_before.empty(); times_before.pop_back())
            reinterpret_cast<Head*>(entities_[size_t(times_before.back().first)].slot)->time = times_before.back().second;
        return found;
    }

    // Rows of a table, none of them late but where late ones are dropped; `out` null: what is said of them is not asked.
    // Throws std::bad_alloc, and nothing changes.
    void update_rows(const int64_t* entities, const double* const* columns, int n_columns, const int64_t* times, int64_t n,
                     double* const* out) {
        const auto take = [&] { take_rows(entities, columns, n_columns, times, n, out); };
        if (grows_) undoing(entities, n, false, take);
        else take();
    }

    // What update_rows() would say; nothing changes. Throws std::bad_alloc.
    void peek_rows(const int64_t* entities, const double* const* columns, int n_columns, const int64_t* times, int64_t n,
                   double* const* out) {
        undoing(entities, n, true, [&] { take_rows(entities, columns, n_columns, times, n, out); });
    }

    // The same, of rows taken entity by entity (0, 1, ... from `first` on), nothing said of them: a history. False: no memory.
    bool update_series(int64_t first, const double* const* columns, int n_columns, const int64_t* times,
                       const int64_t* order, const int64_t* bounds, int64_t n_series, int n_threads) {
        std::atomic<int64_t> next{0};
        std::atomic<bool> failed{false};
        const int64_t n_parts = n_threads <= 1 ? 1 : std::max<int64_t>(1, std::min<int64_t>(n_series, 8 * n_threads));
        const auto work = [&] {
            try {
                for (int64_t part; !failed && (part = next.fetch_add(1)) < n_parts;)
                    for (int64_t s = n_series * part / n_parts; s < n_series * (part + 1) / n_parts; s++)
                        feed(first + s, columns, n_columns, times, order, bounds[s], bounds[s + 1]);
            } catch (const std::bad_alloc&) {
                failed = true;
            }
        };
        std::vector<std::thread> threads;
        try {
            for (int i = 1; i < std::min<int64_t>(n_threads, n_parts); i++) threads.emplace_back(work);
        } catch (const std::exception&) {  // a thread that cannot be had is done without
        }
        work();
        for (auto& thread : threads) thread.join();
        return !failed;
    }

    // Of each output, whether what it is said of is full.
    void ready(int64_t entity, uint8_t* out) const {
        const Entity& at = entities_[size_t(entity)];
        for (size_t u = 0; u < plan_.uses().size(); u++)
            std::fill_n(out + plan_.uses()[u].first_output, feature(u).n_outputs(),
                        uint8_t(feature(u).is_ready(state(at.slot, at.level, u, 0))));
    }

    // All slots as bytes: the level of each entity, then the slot as it is.
    size_t bytes() const {
        size_t n = 0;
        for (const Entity& each : entities_) n += sizeof(int64_t) + layout(each.level).slot_bytes;
        return n;
    }
    void save(char* to) const {
        for (const Entity& each : entities_) {
            const int64_t level = each.level;
            std::memcpy(to, &level, sizeof level);
            std::memcpy(to + sizeof level, each.slot, layout(each.level).slot_bytes);
            to += sizeof level + layout(each.level).slot_bytes;
        }
    }

    // Into an empty store; false: these are no bytes of such a store. Throws std::bad_alloc.
    bool load(const char* from, size_t n_bytes, int64_t n_entities) {
        const char* const end = from + n_bytes;
        for (int64_t e = 0; e < n_entities; e++) {
            int64_t level;
            if (size_t(end - from) < sizeof level) return false;
            std::memcpy(&level, from, sizeof level);
            from += sizeof level;
            if (level < 0 || level >= MAX_LEVELS || (level > 0 && !grows()) || size_t(end - from) < slot_bytes(int(level)))
                return false;
            char* slot = take(int(level));
            std::memcpy(slot, from, layout(int(level)).slot_bytes);
            entities_.push_back({slot, int(level)});
            from += layout(int(level)).slot_bytes;
            const int64_t n_rows = reinterpret_cast<const Head*>(slot)->n_rows;
            if (n_rows < 0 || n_rows > INT64_MAX / 2) return false;
            for (int copy = 0; copy < copies(); copy++)
                for (size_t u = 0; u < plan_.uses().size(); u++)
                    if (!feature(u).is_state(state(slot, int(level), u, copy), room(u, int(level)))) return false;
        }
        return from == end;
    }

    // Of what it holds, without the chunks' free slots.
    size_t memory() const {
        size_t n = entities_.capacity() * sizeof(Entity);
        for (const auto& each : layouts_)
            if (each != nullptr) n += each->chunks.size() * each->per_chunk * each->slot_bytes;
        return n;
    }

private:
    struct Head {
        int64_t time, n_rows;
    };
    struct Entity {
        char* slot;
        int level;
    };
    struct Layout {  // of the slots of a level, and the chunks that they lie in
        std::vector<size_t> offsets;
        size_t states_bytes = 0, slot_bytes = 0, per_chunk = 0, n_taken = 0;
        std::vector<std::unique_ptr<uint64_t[]>> chunks;
        std::vector<char*> free;
    };
    static constexpr int MAX_LEVELS = 40;
    static constexpr size_t CHUNK_BYTES = 1 << 16;

    const Feature& feature(size_t u) const { return *plan_.uses()[u].feature; }
    int64_t room(size_t u, int level) const { return feature(u).first_room() << level; }
    int copies() const { return late_ == Late::REVISE ? 2 : 1; }
    const Layout& layout(int level) const { return *layouts_[level]; }
    const Head& head(int64_t entity) const { return *reinterpret_cast<const Head*>(entities_[size_t(entity)].slot); }
    bool grows() const {
        for (const Use& use : plan_.uses())
            if (use.feature->first_room() != 0) return true;
        return false;
    }
    size_t slot_bytes(int level) const {
        size_t n = 0;
        for (size_t u = 0; u < plan_.uses().size(); u++) n += feature(u).state_bytes(room(u, level));
        return sizeof(Head) + size_t(copies()) * n;
    }
    char* state(char* slot, int level, size_t u, int copy) const {
        return slot + sizeof(Head) + size_t(copy) * layout(level).states_bytes + layout(level).offsets[u];
    }

    char* take(int level) {
        if (layouts_[level] == nullptr) {
            auto made = std::make_unique<Layout>();
            for (size_t u = 0; u < plan_.uses().size(); u++) {
                made->offsets.push_back(made->states_bytes);
                made->states_bytes += feature(u).state_bytes(room(u, level));
            }
            made->slot_bytes = sizeof(Head) + size_t(copies()) * made->states_bytes;
            made->per_chunk = std::max<size_t>(1, CHUNK_BYTES / made->slot_bytes);
            layouts_[level] = std::move(made);
        }
        Layout& at = *layouts_[level];
        if (!at.free.empty()) {
            char* slot = at.free.back();
            at.free.pop_back();
            return slot;
        }
        if (at.n_taken == at.chunks.size() * at.per_chunk) {
            at.free.reserve((at.chunks.size() + 1) * at.per_chunk);  // so that give() needs no memory
            at.chunks.push_back(std::make_unique<uint64_t[]>(at.per_chunk * at.slot_bytes / sizeof(uint64_t)));
        }
        char* chunk = reinterpret_cast<char*>(at.chunks[at.n_taken / at.per_chunk].get());
        return chunk + at.n_taken++ % at.per_chunk * at.slot_bytes;
    }
    void give(char* slot, int level) { layouts_[level]->free.push_back(slot); }

    // So that take() of this level needs no memory.
    void have_slot(int level) {
        if (level == MAX_LEVELS) return;
        const Layout* at = layouts_[level].get();
        if (at == nullptr || (at->free.empty() && at->n_taken == at->chunks.size() * at->per_chunk)) give(take(level), level);
    }

    void take_row(int64_t entity, const double* cells, int64_t time, double* out) {
        Entity& at = entities_[size_t(entity)];
        Head& head = *reinterpret_cast<Head*>(at.slot);
        if (late_ == Late::REVISE) {
            const bool again = has_times_ && head.n_rows > 0 && time == head.time;
            char* now = at.slot + sizeof(Head);
            char* before = now + layout(at.level).states_bytes;
            std::memcpy(again ? now : before, again ? before : now, layout(at.level).states_bytes);
            head.n_rows -= again;
        }
        double taken[MAX_INPUTS];
        for (size_t u = 0; u < plan_.uses().size(); u++) {
            const Use& use = plan_.uses()[u];
            for (size_t j = 0; j < use.columns.size(); j++) taken[j] = cells[use.columns[j]];
            step(at, u, taken, time, out + use.first_output);
        }
        Head& after = *reinterpret_cast<Head*>(at.slot);  // it may have moved
        after.time = time;
        after.n_rows++;
    }

    void take_rows(const int64_t* entities, const double* const* columns, int n_columns, const int64_t* times, int64_t n,
                   double* const* out) {
        std::vector<double> cells(static_cast<size_t>(n_columns)), told(size_t(plan_.n_outputs()));
        for (int64_t i = 0; i < n; i++) {
            const int64_t time = times == nullptr ? 0 : times[i];
            if (entities[i] < 0 || is_late(entities[i], time)) {
                told.assign(told.size(), missing());
            } else {
                for (size_t j = 0; j < cells.size(); j++) cells[j] = columns[j][i];
                take_row(entities[i], cells.data(), time, told.data());
            }
            for (size_t k = 0; out != nullptr && k < told.size(); k++) out[k][i] = told[k];
        }
    }

    // Changes states of entities (-1: none), and puts them back as they were: in any case, or where `change` throws.
    template <typename Change>
    void undoing(const int64_t* entities, int64_t n, bool in_any_case, const Change& change) {
        std::vector<int64_t> touched(entities, entities + n);
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        if (!touched.empty() && touched.front() < 0) touched.erase(touched.begin());
        std::vector<int> levels;
        std::vector<std::vector<char>> slots;
        for (const int64_t entity : touched) {
            const Entity& at = entities_[size_t(entity)];
            levels.push_back(at.level);
            slots.emplace_back(at.slot, at.slot + layout(at.level).slot_bytes);
        }
        const auto put_back = [&] {
            for (size_t i = 0; i < touched.size(); i++) {  // all give before any takes, so that no slot is wanting
                Entity& at = entities_[size_t(touched[i])];
                if (at.level != levels[i]) give(at.slot, at.level);
            }
            for (size_t i = 0; i < touched.size(); i++) {
                Entity& at = entities_[size_t(touched[i])];
                if (at.level != levels[i]) at = {take(levels[i]), levels[i]};
                std::memcpy(at.slot, slots[i].data(), slots[i].size());
            }
        };
        try {
            change();
        } catch (...) {
            put_back();
            throw;
        }
        if (in_any_case) put_back();
    }

    void step(Entity& at, size_t u, const double* cells, int64_t time, double* out) {
        while (!feature(u).step(state(at.slot, at.level, u, 0), cells, time, out)) {
            check_grows(u, at.level);
            grow(at);
        }
    }

    // A feature without room for a row has more of it a level up.
    void check_grows(size_t u, int level) const {
        if (feature(u).first_room() == 0 || level + 1 == MAX_LEVELS) throw std::bad_alloc();
    }

    void grow(Entity& at) {
        const std::lock_guard<std::mutex> guard(growing_);
        const int level = at.level + 1;
        char* slot = take(level);
        std::memcpy(slot, at.slot, sizeof(Head));
        for (int copy = 0; copy < copies(); copy++)
            for (size_t u = 0; u < plan_.uses().size(); u++) {
                char* to = state(slot, level, u, copy);
                if (room(u, level) != 0) feature(u).reset(to, room(u, level));
                feature(u).move_to(state(at.slot, at.level, u, copy), to, room(u, level));
            }
        give(at.slot, at.level);
        at = {slot, level};
    }

    // A series into the states of an entity without rows: feature by feature where the states are there once.
    void feed(int64_t entity, const double* const* columns, int n_columns, const int64_t* times, const int64_t* order,
              int64_t begin, int64_t end) {
        std::vector<double> told(size_t(plan_.n_outputs()));
        if (late_ != Late::RAISE) {
            std::vector<double> cells(static_cast<size_t>(n_columns));
            for (int64_t i = begin; i < end; i++) {
                const int64_t row = order == nullptr ? i : order[i], time = times == nullptr ? 0 : times[row];
                if (is_late(entity, time)) continue;
                for (size_t j = 0; j < cells.size(); j++) cells[j] = columns[j][row];
                take_row(entity, cells.data(), time, told.data());
            }
            return;
        }
        Entity& at = entities_[size_t(entity)];
        double cells[MAX_INPUTS];
        for (size_t u = 0; u < plan_.uses().size(); u++) {
            const Use& use = plan_.uses()[u];
            const int64_t n_forgotten = feature(u).forgotten(end - begin);
            if (n_forgotten > 0) feature(u).skip(state(at.slot, at.level, u, 0), n_forgotten);
            for (int64_t i = begin + n_forgotten; i < end; i++) {
                const int64_t row = order == nullptr ? i : order[i];
                for (size_t j = 0; j < use.columns.size(); j++) cells[j] = columns[use.columns[j]][row];
                step(at, u, cells, times == nullptr ? 0 : times[row], told.data());
            }
        }
        if (begin == end) return;
        Head& head = *reinterpret_cast<Head*>(at.slot);
        head.time = times == nullptr ? 0 : times[order == nullptr ? end - 1 : order[end - 1]];
        head.n_rows += end - begin;
    }

    const Plan& plan_;
    const Late late_;
    const bool has_times_, grows_ = grows();
    std::vector<Entity> entities_;
    std::unique_ptr<Layout> layouts_[MAX_LEVELS];
    std::mutex growing_;
};

}  // namespace perfcore::features
