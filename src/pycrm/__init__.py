"""A CRM domain library: identify, differentiate, interact, personalise, and measure what it did."""
