'use strict';

const { propagation } = require('@opentelemetry/api');

// UserTier makes an attribute of the user's tier, which comes as baggage, on every span.
exports.UserTier = class {
  onStart(span, parent) {
    const tier = propagation.getBaggage(parent)?.getEntry('user.tier');
    if (tier) span.setAttribute('user.tier', tier.value);
  }
  onEnd() {}
  async forceFlush() {}
  async shutdown() {}
};
