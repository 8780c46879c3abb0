//! A whole service.

use super::{Convert, container, deploy, network, port};
use crate::stack::fault::Fault;
use crate::stack::model::Service;
use crate::stack::spec::{IMAGE_LABEL, LogDriver, ServiceSpec, TaskSpec};
use crate::stack::text::image;

pub(super) fn convert(convert: &mut Convert<'_>, key: &str, service: &Service) -> ServiceSpec {
    if service.image.is_empty() {
        convert.fault(&service.origin, Fault::NoImage);
    } else if !image::is_valid(&service.image) {
        convert.fault(
            &service.origin,
            Fault::BadImage {
                image: service.image.clone(),
            },
        );
    }
    let mut labels = convert.namespace.labelled(&service.deploy.labels);
    labels.insert(IMAGE_LABEL.to_owned(), service.image.clone());
    ServiceSpec {
        name: convert.namespace.scoped(key),
        labels,
        task_template: TaskSpec {
            container_spec: container::convert(convert, service),
            resources: deploy::resources(convert, service),
            restart_policy: deploy::restart_policy(convert, service),
            placement: deploy::placement(service),
            networks: network::attachments(convert, key, service),
            log_driver: service.logging.as_ref().map(|logging| LogDriver {
                name: logging.driver.clone(),
                options: logging.options.clone().unwrap_or_default(),
            }),
            force_update: 0,
        },
        mode: deploy::mode(convert, service),
        update_config: service.deploy.update_config.as_ref().map(deploy::update),
        rollback_config: service.deploy.rollback_config.as_ref().map(deploy::update),
        endpoint_spec: port::endpoint(service),
    }
}
